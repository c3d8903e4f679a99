"""Training samples: everything a branch sees and must answer, as videos and sentences."""
import dataclasses
import random

import torch

from . import grammar, shapes
from .scenes import SCENES
from .world import COLORS, MOTIONS, PLACES, SIZES, World

# Never drawn in training; evaluate.py asks for exactly these (kind, colour) pairs.
HELD_OUT = {("balloon", "green"), ("ball", "purple"), ("kite", "blue"), ("fish", "pink"), ("bird", "yellow"), ("star", "orange"),
            ("umbrella", "white"), ("boat", "red"), ("flower", "blue"), ("butterfly", "green"), ("heart", "purple"), ("mushroom", "orange"),
            ("fox", "white"), ("car", "pink"), ("lantern", "yellow"), ("cube", "red")}


@dataclasses.dataclass
class Batch:
    source: torch.Tensor  # [b, 3, T, h, w] 0 .. 1
    mask: torch.Tensor  # [b, 1, T, h, w] 0 .. 1
    has_mask: torch.Tensor  # [b]
    edit: torch.Tensor
    alpha: torch.Tensor  # [b, 1, T, h, w]
    composite: torch.Tensor
    text: list
    facts: list


def pick_thing(rng, held_out):
    while True:
        kind, color = rng.choice(list(shapes.KINDS)), rng.choice(list(COLORS))
        if ((kind, color) in HELD_OUT) == held_out:
            return kind, color


def paint(world, colors, spread=0.05):
    base = torch.tensor([COLORS[c] for c in colors], device=world.device)
    return (base * (1 + world.rand(len(colors), 1, lo=-0.06, hi=0.06)) + world.rand(len(colors), 3, lo=-spread, hi=spread) * 0.6).clamp(0, 1)


def place_things(world, rng, b, sizes, places, motions):
    radius = torch.tensor([SIZES[s] for s in sizes], device=world.device) * world.rand(b, lo=0.9, hi=1.1)
    x, y = world.path(b, [PLACES[p] for p in places], motions, radius)
    return radius, x, y


def hints(world, rng, target, invert=None):
    """Rough regions around target; invert [b] flips some (white = edit here for a background)."""
    m = world.rough(target)
    return m if invert is None else torch.where(invert.view(-1, 1, 1, 1, 1), 1 - m, m)


def additions(world, rng, b, held_out=False, plain=False, p_hint=0.4):
    things = [pick_thing(rng, held_out) for _ in range(b)]
    kinds, colors = [t[0] for t in things], [t[1] for t in things]
    sizes, motions = [rng.choice(list(SIZES)) for _ in things], [rng.choice(list(MOTIONS)) for _ in things]
    places = [rng.choice(list(PLACES)) for _ in things]
    radius, x, y = place_things(world, rng, b, sizes, places, motions)
    hinted = [rng.random() < p_hint for _ in things]
    has_mask = torch.tensor(hinted, device=world.device)
    # With a region and no word for the place, the place is anywhere: the region says it.
    free = [hinted[i] and rng.random() < 0.6 for i in range(b)]
    shift = torch.stack([world.rand(b, lo=-1.2, hi=1.2), world.rand(b, lo=-0.55, hi=0.55)], -1)
    for i in range(b):
        if free[i]:
            x[i] += shift[i, 0] - x[i].mean()
            y[i] += shift[i, 1] - y[i].mean()
    shadow = world.rand(b, lo=0.3, hi=0.55)
    edit, alpha = world.object(kinds, paint(world, colors), radius, x, y, shadow)
    source = world.shoot(world.warp(world.panorama(b)))
    source = distract(world, rng, source)
    body = (alpha > 0.6).float()
    mask = hints(world, rng, body) * has_mask.view(-1, 1, 1, 1, 1)
    text = [grammar.addition(kinds[i], colors[i], sizes[i], None if free[i] else places[i], motions[i], rng, plain) for i in range(b)]
    facts = [dict(task="add", kind=kinds[i], color=colors[i], size=sizes[i], place=None if free[i] else places[i], motion=motions[i]) for i in range(b)]
    return Batch(source, mask, has_mask.float(), edit, alpha, edit * alpha + source * (1 - alpha), text, facts)


def distract(world, rng, source, p=0.4):
    """Things that are already there and must not be mistaken for the edit."""
    b = source.shape[0]
    kinds = [rng.choice(list(shapes.KINDS)) for _ in range(b)]
    radius, x, y = place_things(world, rng, b, [rng.choice(list(SIZES)) for _ in kinds], [rng.choice(list(PLACES)) for _ in kinds],
                                [rng.choice(list(MOTIONS)) for _ in kinds])
    color, alpha = world.object(kinds, world.rand(b, 3), radius, x, y, world.rand(b, lo=0.0, hi=0.5))
    alpha = alpha * torch.tensor([float(rng.random() < p) for _ in kinds], device=world.device).view(-1, 1, 1, 1, 1)
    return color * alpha + source * (1 - alpha)


def figure(world, b, x, y, radius):
    """A walking person of limbs with textured clothes: colour and alpha like World.object()."""
    u = (world.x[None, None] - x[:, :, None, None]) / radius[:, None, None, None]
    v = (world.y[None, None] - y[:, :, None, None]) / radius[:, None, None, None]
    swing = 0.3 * torch.sin(world.time * 9)[None, :, None, None] + 0 * u
    skin = world.rand(b, 3, lo=0.25, hi=0.9) * torch.tensor([1.0, 0.82, 0.7], device=world.device)
    top, legs, hair = world.rand(b, 3), world.rand(b, 3) * 0.7, world.rand(b, 3) * 0.4
    stripes = 1 + 0.25 * torch.sin(v * world.rand(b, 1, 1, 1, lo=3, hi=30))[:, None]
    seg = shapes.segment
    parts = [(torch.minimum(seg(u - swing * (v - 0.25), v, -0.1, 0.25, -0.14, 1.05, 0.13), seg(u + swing * (v - 0.25), v, 0.1, 0.25, 0.14, 1.05, 0.13)), legs),
             (torch.minimum(seg(u + swing * (v + 0.35), v, -0.26, -0.35, -0.4, 0.2, 0.09), seg(u - swing * (v + 0.35), v, 0.26, -0.35, 0.4, 0.2, 0.09)), skin),
             (shapes.box(u, v, 0, -0.1, 0.28, 0.42, 0.12), top), (shapes.circle(u, v, 0, -0.78, 0.25), skin),
             (torch.maximum(shapes.circle(u, v, 0, -0.82, 0.28), v + 0.78), hair)]
    color, union = None, None
    for d, tone in parts:
        paint_ = tone.view(b, 3, 1, 1, 1) * (stripes if tone is top else 1)
        over = torch.sigmoid(-d / 0.02)[:, None]
        color = paint_ * torch.ones_like(over) if color is None else color * (1 - over) + paint_ * over
        union = d if union is None else torch.minimum(union, d)
    body = torch.sigmoid(-union / (1.3 * 2 / world.h) * 2.2 * radius[:, None, None, None])[:, None]
    body = torch.where(body < 0.01, 0.0, torch.where(body > 0.99, 1.0, body))
    return color.clamp(0, 1), body


def blob(world, b, x, y, radius):
    """An irregular textured body, like an animal or a statue."""
    u = (world.x[None, None] - x[:, :, None, None]) / radius[:, None, None, None]
    v = (world.y[None, None] - y[:, :, None, None]) / radius[:, None, None, None]
    angle, r = torch.atan2(v, u), torch.hypot(u, v)
    edge = 0.75
    for k in (2, 3, 5):
        edge = edge + world.rand(b, 1, 1, 1, lo=0, hi=0.2) * torch.sin(angle * k + world.rand(b, 1, 1, 1, hi=6.28) + world.time[None, :, None, None])
    texture = world.warp(world.panorama(b, 108, 192), (1.2, 2.5))
    color = (world.rand(b, 3, 1, 1, 1) * 0.7 + 0.5 * texture).clamp(0, 1)
    body = torch.sigmoid(-(r - edge) / (1.3 * 2 / world.h) * 2.2 * radius[:, None, None, None])[:, None]
    return color, torch.where(body < 0.01, 0.0, torch.where(body > 0.99, 1.0, body))


def subjects(world, rng, b):
    """The foreground of a background change: colour, alpha, and what a person would call it."""
    sizes = torch.tensor([rng.choice([0.3, 0.42, 0.55, 0.7, 0.9]) for _ in range(b)], device=world.device)
    centre = [(rng.uniform(-1.1, 1.1), rng.uniform(-0.3, 0.5)) for _ in range(b)]
    motions = [rng.choice(list(MOTIONS)) for _ in range(b)]
    x, y = world.path(b, centre, motions, sizes * 0.6)
    kinds = [rng.choice(list(shapes.KINDS)) for _ in range(b)]
    which = [rng.choice(["figure", "figure", "blob", "thing"]) for _ in range(b)]
    rgb = torch.where(world.rand(b, 1) < 0.5, world.rand(b, 3), paint(world, [rng.choice(list(COLORS)) for _ in range(b)]))
    color, alpha = world.object(kinds, rgb, sizes, x, y, torch.zeros(b, device=world.device))
    nouns = [rng.choice(grammar.KIND_WORDS.get(k, [k])) for k in kinds]
    for name, draw, words in (("figure", figure, grammar.PEOPLE), ("blob", blob, grammar.BLOBS)):
        at = [i for i in range(b) if which[i] == name]
        if at:
            color[at], alpha[at] = draw(world, len(at), x[at], y[at], sizes[at])
            for i in at:
                nouns[i] = rng.choice(words)
    return color, alpha, nouns


def changes(world, rng, b, plain=False, p_hint=0.65, polarity=None, scene=None):
    """polarity None: half of the hints are white over the background, half white around the subject; scene None: any."""
    color, body, nouns = subjects(world, rng, b)
    plate = world.warp(world.panorama(b))
    clean = color * body + plate * (1 - body)
    source = world.shoot(clean)
    scenes = [scene or rng.choice(list(SCENES)) for _ in range(b)]
    edit = torch.empty_like(source)
    for name in set(scenes):
        at = [i for i, s in enumerate(scenes) if s == name]
        edit[at] = SCENES[name][0](world, len(at)).clamp(0, 1)
    alpha = 1 - body
    has_mask = torch.tensor([rng.random() < p_hint for _ in range(b)], device=world.device)
    around = torch.tensor([rng.random() < 0.5 if polarity is None else polarity == "subject" for _ in range(b)], device=world.device)
    mask = hints(world, rng, (body > 0.5).float(), ~around) * has_mask.view(-1, 1, 1, 1, 1)
    text = [grammar.change(SCENES[s][1][0] if plain else rng.choice(SCENES[s][1]), n, rng, plain) for s, n in zip(scenes, nouns)]
    facts = [dict(task="change", scene=s, noun=n) for s, n in zip(scenes, nouns)]
    return Batch(source, mask, has_mask.float(), edit, alpha, edit * alpha + source * (1 - alpha), text, facts)


def mixed(world, seed, b, share=0.5):
    """Additions, and background changes in the share @share."""
    rng = random.Random(seed)
    n = round(b * (1 - share))
    first, second = additions(world, rng, n), changes(world, rng, b - n)
    fields = [f.name for f in dataclasses.fields(Batch)]
    joined = {}
    for name in fields:
        a, c = getattr(first, name), getattr(second, name)
        joined[name] = torch.cat([a, c]) if torch.is_tensor(a) else a + c
    return Batch(**joined)
