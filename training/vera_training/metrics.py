"""What a take is judged by. Videos are numpy arrays [T, h, w] and [T, h, w, 3], 0 .. 1."""
import numpy as np
import torch

from . import shapes
from .world import COLORS, PLACES, SIZES, World


def core(alpha):
    """Frames of the body of the added thing, its soft shadow left out."""
    return alpha > 0.8


def color_of(edit, alpha):
    """The named colour that most of the core's pixels are nearest to."""
    pixels = edit[core(alpha)]
    if len(pixels) == 0:
        return None
    table = np.array(list(COLORS.values()))
    nearest = np.square(pixels[:, None] - table[None]).sum(-1).argmin(1)
    return list(COLORS)[np.bincount(nearest, minlength=len(table)).argmax()]


def place_of(alpha):
    """The named place that the core's centre, averaged over time, is nearest to."""
    body = core(alpha)
    if not body.any():
        return None
    t, h, w = body.shape
    _, ys, xs = np.nonzero(body)
    x, y = ((xs.mean() + 0.5) / w * 2 - 1) * w / h, (ys.mean() + 0.5) / h * 2 - 1
    return min(PLACES, key=lambda p: (x - PLACES[p][0]) ** 2 + (y - PLACES[p][1]) ** 2)


def size_of(alpha, kind):
    """The named size whose drawing of this kind has the area that is nearest, in ratio, to the core's."""
    body = core(alpha)
    if not body.any():
        return None
    t, h, w = body.shape
    world, zero = World("cpu", 1, 1, h, w), torch.zeros(len(SIZES), 1)
    radius = torch.tensor(list(SIZES.values()))
    _, drawn = world.object([kind] * len(SIZES), torch.rand(len(SIZES), 3), radius, zero, zero, zero[:, 0])
    areas = core(drawn.numpy()).sum((1, 2, 3, 4))
    return list(SIZES)[np.abs(np.log(areas / (body.sum() / t))).argmin()]


def addition(edit, alpha, facts):
    found = {"color": color_of(edit, alpha), "place": place_of(alpha), "size": size_of(alpha, facts["kind"])}
    return {name: found[name] == facts[name] for name in found}, found


def overlap(alpha, truth):
    """Intersection over union of the kept subject, which is stricter than that of the larger background."""
    ours, theirs = alpha < 0.5, truth < 0.5
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0


def softness(alpha):
    return float(((alpha > 0.05) & (alpha < 0.95)).mean())


def psnr_outside(composite, source, alpha):
    """Of the pixels that the matte leaves alone; infinite when every one is the source's."""
    outside = alpha == 0
    if not outside.any():
        return float("nan")
    error = np.square(composite[outside].astype(np.float64) - source[outside]).mean()
    return float("inf") if error == 0 else float(-10 * np.log10(error))
