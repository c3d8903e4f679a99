"""The snapper: a small network that finds the edge of what a background change keeps, where the model says only roughly where it is.

It sees one frame and two around it, what the model keeps of each, how much their colours speak for being kept, and the user's region;
it answers what of the frame is kept. All of it is made of the VAE's parts (channel norm, SiLU, convolution), one frame at a time.
The program does the same: engine/diffusion/vera-snapper.h, vera-pipeline-snap.c and engine/compositing/vera-matte-evidence.h.
"""
import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = (16, 32, 64, 96, 128)  # at whole size, half of it, and so on
MIDDLE = 3  # residual blocks at the smallest size
STEP = 4  # frames between the one in question and those that are seen with it
ROUNDS = 2  # what was found takes the place of what the model keeps in the second
INPUTS = 3 * (3 + 1 + 1) + 1
SETTINGS = {"_class_name": "VeraSnapper", "channels": list(CHANNELS), "middle_blocks": MIDDLE, "frame_step": STEP, "rounds": ROUNDS}

BINS = 24  # colours are counted in so many steps a channel
AROUND = 0.3  # share of the width within which the colours around are counted, along each axis
RARE = 0.11  # a colour that was seen less often, in a million pixels, says nothing
REGION = 0.3  # what the user's region says for a place where the model keeps nothing


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return F.silu(F.normalize(x.float(), dim=1) * x.shape[1] ** 0.5 * self.gamma).to(x.dtype)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1, self.norm2 = Norm(channels), Norm(channels)
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x):
        return x + self.conv2(self.norm2(self.conv1(self.norm1(x))))


class Snapper(nn.Module):
    def __init__(self, channels=CHANNELS, middle=MIDDLE):
        super().__init__()
        pairs = list(zip(channels, channels[1:]))
        self.conv_in = nn.Conv2d(INPUTS, channels[0], 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2) for a, b in pairs])
        self.down_blocks = nn.ModuleList([Residual(b) for _, b in pairs])
        self.middle = nn.ModuleList([Residual(channels[-1]) for _ in range(middle)])
        self.up = nn.ModuleList([nn.Conv2d(b, a, 3, padding=1) for a, b in reversed(pairs)])
        self.up_blocks = nn.ModuleList([Residual(a) for a, _ in reversed(pairs)])
        self.norm_out, self.conv_out = Norm(channels[0]), nn.Conv2d(channels[0], 1, 3, padding=1)

    def forward(self, x):
        """[b, INPUTS, h, w] -> [b, h, w]: above 0 where it is kept; 1 / (1 + exp(-x)) is how much."""
        x = self.conv_in(x)
        kept = []
        for down, block in zip(self.down, self.down_blocks):
            kept.append(x)
            x = block(down(F.pad(x, (0, 1, 0, 1))))
        for block in self.middle:
            x = block(x)
        for up, block in zip(self.up, self.up_blocks):
            x = block(up(F.interpolate(x, scale_factor=2.0, mode="nearest")) + kept.pop())
        return self.conv_out(self.norm_out(x)).float()[:, 0]


def spread(planes, axis, reach):
    """Where a value is not 0 within @reach steps along @axis; planes of 0 and 1."""
    size = planes.shape[axis]
    sums = F.pad(planes.cumsum(axis), (1, 0) if axis in (-1, planes.ndim - 1) else (0, 0, 1, 0))
    at = torch.arange(size)
    return (sums.index_select(axis, (at + reach + 1).clamp(max=size)) - sums.index_select(axis, (at - reach).clamp(min=0)) > 0).float()


def cells(rgb):
    """[3, t, h, w] 0 .. 1 -> the eight cells around each colour, and the share that each has of it: [8, n] twice."""
    at = rgb.flatten(1).clamp(0, 1) * (BINS - 1)
    low = at.floor().clamp(max=BINS - 2)
    part, low = at - low, low.long()
    which, share = [], []
    for k in range(8):
        r, g, b = k & 1, k >> 1 & 1, k >> 2
        which.append(((low[0] + r) * BINS + low[1] + g) * BINS + low[2] + b)
        share.append((part[0] if r else 1 - part[0]) * (part[1] if g else 1 - part[1]) * (part[2] if b else 1 - part[2]))
    return torch.stack(which), torch.stack(share)


def run_together(counts):
    """Counts of neighbouring colours run together a little, along each axis."""
    x = counts.view(BINS, BINS, BINS)
    for axis in range(3):
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, BINS - 1)], axis)
        behind = torch.cat([x.narrow(axis, 1, BINS - 1), x.narrow(axis, BINS - 1, 1)], axis)
        x = 0.25 * before + 0.5 * x + 0.25 * behind
    return x.flatten()


def evidence(rgb, maybe):
    """How much each pixel's colour speaks for being kept: counted over all frames inside of where the subject may be and around it.
    rgb [3, t, h, w], maybe [t, h, w], 0 .. 1; returns [t, h, w], 0 .. 1."""
    which, share = cells(rgb)
    reach = round(AROUND * rgb.shape[-1])
    near = spread(spread((maybe > 0.25).float(), 1, reach), 2, reach)
    weights = maybe.square(), (1 - maybe).square() * near
    inside, around = (run_together(torch.zeros(BINS**3).index_add_(0, which.flatten(), (share * w.flatten()).flatten())) for w in weights)
    rare = RARE * maybe.numel() / 1e6
    inside, around = ((share * counts[which]).sum(0) + rare for counts in (inside, around))
    return (inside / (inside + around)).view_as(maybe)


def side_of(region, drawn):
    """The side of the user's region that the subject is on: the one that holds more of what the model keeps. [t, h, w], 0 .. 1"""
    kept = [float((part * drawn).sum() / (part.sum() + 1e-9)) for part in (1 - region, region)]
    return region if kept[1] > kept[0] else 1 - region


def inputs(rgb, drawn, side, frames):
    """What the network sees of @frames: rgb [3, t, h, w], drawn (what the model keeps) [t, h, w], side like drawn or None; 0 .. 1"""
    maybe = drawn if side is None else torch.maximum(drawn, REGION * side)
    seen = torch.cat([rgb, drawn[None], evidence(rgb, maybe)[None]]) * 2 - 1
    last, out = rgb.shape[1] - 1, []
    for t in frames:
        parts = [seen[:, min(max(t + d, 0), last)] for d in (-STEP, 0, STEP)]
        out.append(torch.cat([*parts, torch.zeros_like(parts[0][:1]) if side is None else side[None, t] * 2 - 1]))
    return torch.stack(out)
