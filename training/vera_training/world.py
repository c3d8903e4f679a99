"""Procedural layered clips: sources, objects, scenes, mattes, hints. Vectorised torch; runs on a GPU and on a CPU.

Space: y from -1 (top) to 1 (bottom), x to the same scale, so a 16:9 frame spans x = -1.78 .. 1.78. Time runs 0 .. 1 over a
clip. Colours are display-coded, 0 .. 1. Every random number comes from the generator that the caller seeds.
"""
import math

import torch
import torch.nn.functional as F

from . import shapes

COLORS = {
    "red": (0.85, 0.10, 0.10), "orange": (0.96, 0.50, 0.06), "yellow": (0.96, 0.88, 0.14), "green": (0.12, 0.62, 0.20),
    "blue": (0.12, 0.28, 0.86), "purple": (0.50, 0.16, 0.70), "pink": (0.97, 0.52, 0.74), "white": (0.95, 0.95, 0.95)}
SIZES = {"small": 0.19, "medium": 0.30, "large": 0.44}
PLACES = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "center": (0.0, 0.0), "top": (0.0, -0.52), "bottom": (0.0, 0.52)}
MOTIONS = {"still": (0.0, 0.0), "up": (0.0, -0.5), "right": (0.6, 0.0), "left": (-0.6, 0.0), "bob": (0.0, 0.0)}


class World:
    """Draws batches; `frames`, `height`, `width` are the clip's."""

    def __init__(self, device, seed, frames=17, height=144, width=256):
        self.device = torch.device(device)
        self.random = torch.Generator(device=self.device).manual_seed(seed)
        self.t, self.h, self.w = frames, height, width
        ys = (torch.arange(height, device=device) + 0.5) / height * 2 - 1
        xs = ((torch.arange(width, device=device) + 0.5) / width * 2 - 1) * width / height
        self.y, self.x = torch.meshgrid(ys, xs, indexing="ij")
        self.time = torch.linspace(0, 1, frames, device=device)

    # random numbers ---------------------------------------------------------------------------------------------------

    def rand(self, *shape, lo=0.0, hi=1.0):
        return torch.rand(shape, generator=self.random, device=self.device) * (hi - lo) + lo

    def randn(self, *shape):
        return torch.randn(shape, generator=self.random, device=self.device)

    def integer(self, n):
        return int(torch.randint(n, (1,), generator=self.random, device=self.device))

    def chance(self, p):
        return float(self.rand(1)) < p

    # textures ---------------------------------------------------------------------------------------------------------

    def noise(self, b, c, h, w, base=3, octaves=5, falloff=0.55):
        """Smooth multi-octave noise, about -1 .. 1, [b, c, h, w]."""
        out = torch.zeros(b, c, h, w, device=self.device)
        weight = 1.0
        for i in range(octaves):
            gh = max(2, base * 2 ** i)
            gw = max(2, int(gh * w / h))
            if gh > h or gw > w:
                break
            out += weight * F.interpolate(self.randn(b, c, gh, gw), (h, w), mode="bicubic", align_corners=False)
            weight *= falloff
        return out / 1.6

    def panorama(self, b, h=216, w=384):
        """Still pictures with the statistics of footage: gradients, noise, horizons, overlapping leaves. [b, 3, h, w]"""
        yy = torch.linspace(-1, 1, h, device=self.device)[:, None].expand(h, w)
        xx = torch.linspace(-1.78, 1.78, w, device=self.device)[None].expand(h, w)
        top, bottom = self.rand(b, 3, 1, 1), self.rand(b, 3, 1, 1)
        ramp = ((yy + 1) / 2 + self.rand(b, 1, 1, 1, lo=-0.3, hi=0.3)).clamp(0, 1)
        out = top * (1 - ramp) + bottom * ramp
        amount = self.rand(b, 1, 1, 1) ** 2 * 0.5
        mono = self.noise(b, 1, h, w, 2 + self.integer(4), 6, float(self.rand(1, lo=0.45, hi=0.8)))
        out = out + amount * (mono + 0.4 * self.noise(b, 3, h, w, 3, 4))
        ground = self.rand(b, 1, 1, 1, lo=-0.2, hi=0.9)
        line = ground + 0.1 * self.noise(b, 1, 1, w, 2, 4)
        has_ground = (self.rand(b, 1, 1, 1) < 0.6).float()
        texture = self.rand(b, 3, 1, 1) + 0.25 * self.noise(b, 3, h, w, 12, 4, 0.8)
        mask = torch.sigmoid((yy - line) * 60) * has_ground
        out = out * (1 - mask) + texture * mask
        leaves = [0, 4, 12, 30][self.integer(4)]
        for i in range(leaves):
            size = self.rand(b, 1, 1, lo=0.04, hi=0.5) * (1.0 - 0.6 * i / max(leaves, 1))
            cx, cy = self.rand(b, 1, 1, lo=-1.9, hi=1.9), self.rand(b, 1, 1, lo=-1.1, hi=1.1)
            angle = self.rand(b, 1, 1, hi=math.pi)
            dx, dy = xx - cx, yy - cy
            u, v = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
            v = v * self.rand(b, 1, 1, lo=0.5, hi=3.0)
            power = 2.0 + 6.0 * (self.rand(b, 1, 1) < 0.4).float()
            d = (u.abs() ** power + v.abs() ** power) ** (1 / power) - size
            soft = torch.sigmoid(-d * self.rand(b, 1, 1, lo=15, hi=120))[:, None]
            color = self.rand(b, 3, 1, 1) * self.rand(b, 1, 1, 1, lo=0.3, hi=1.0)
            stripes = torch.sin(u * self.rand(b, 1, 1, lo=5, hi=60))[:, None] * self.rand(b, 1, 1, 1) ** 3 * 0.3
            shade = 1 + 0.4 * (v / size.clamp(min=0.05)).clamp(-1, 1)[:, None] * self.rand(b, 1, 1, 1, lo=-1, hi=1)
            out = out * (1 - soft) + (color * shade + stripes) * soft
        return out.clamp(0, 1)

    def warp(self, still, zoom=(1.02, 1.45)):
        """Camera moves over a panorama: pan, zoom, roll, shake. [b, 3, H, W] -> [b, 3, T, h, w]"""
        b, aspect = still.shape[0], self.w / self.h
        scale = 1 / (self.rand(b, 1, lo=zoom[0], hi=zoom[1]) * (1 + self.rand(b, 1, lo=-0.12, hi=0.12) * self.time))
        moving = (self.rand(b, 1) < 0.75).float()
        room = (1 - scale).clamp(min=0)
        px = (self.rand(b, 1, lo=-1, hi=1) + moving * self.rand(b, 1, lo=-0.8, hi=0.8) * self.time) * room
        py = (self.rand(b, 1, lo=-1, hi=1) + moving * self.rand(b, 1, lo=-0.5, hi=0.5) * self.time) * room
        shaky = (self.rand(b, 1) < 0.35).float() * 0.006
        px, py = px + shaky * self.randn(b, self.t), py + shaky * self.randn(b, self.t)
        roll = self.rand(b, 1, lo=-0.05, hi=0.05) + moving * self.rand(b, 1, lo=-0.05, hi=0.05) * self.time
        c, s = roll.cos() * scale, roll.sin() * scale
        theta = torch.stack([torch.stack([c, -s / aspect, px], -1), torch.stack([s * aspect, c, py], -1)], -2)
        grid = F.affine_grid(theta.flatten(0, 1), (b * self.t, 1, self.h, self.w), align_corners=False)
        frames = F.grid_sample(still.repeat_interleave(self.t, 0), grid, mode="bilinear", padding_mode="reflection",
                               align_corners=False)
        return frames.unflatten(0, (b, self.t)).transpose(1, 2)

    # objects ----------------------------------------------------------------------------------------------------------

    def path(self, b, centre, motion, radius):
        """Centres over time [b, T] for a list of (x, y) and motion names; jittered, kept mostly inside."""
        base = torch.tensor(centre, device=self.device)
        drift = torch.tensor([MOTIONS[m] for m in motion], device=self.device)
        bob = torch.tensor([1.0 if m == "bob" else 0.0 for m in motion], device=self.device)
        ramp = self.time[None] - 0.5
        jitter = self.rand(b, 2, lo=-1, hi=1) * torch.tensor([0.14, 0.10], device=self.device)
        limit = (1.05 - 0.75 * radius)
        x = (base[:, 0:1] + jitter[:, 0:1]).clamp(-1.3, 1.3) + drift[:, 0:1] * ramp
        y = torch.minimum(torch.maximum(base[:, 1:2] + jitter[:, 1:2], -limit[:, None]), limit[:, None]) + drift[:, 1:2] * ramp
        phase = self.rand(b, 1, hi=6.28)
        return x, y + bob[:, None] * 0.13 * torch.sin(self.time[None] * 9.4 + phase)

    def object(self, kinds, rgb, radius, x, y, shadow):
        """Draws one object a clip. kinds: list of names; rgb [b, 3]; radius [b]; x, y [b, T]; shadow [b] strength.

        Returns straight colour [b, 3, T, h, w] carried past the edge, and alpha [b, 1, T, h, w]."""
        b = len(kinds)
        r = radius[:, None, None, None]
        dx = (self.x[None, None] - x[:, :, None, None]) / r
        dy = (self.y[None, None] - y[:, :, None, None]) / r
        tilt = self.rand(b, 1, 1, 1, lo=-0.12, hi=0.12) + 0.06 * torch.sin(self.time * 5 + self.rand(b, 1, hi=6.28))[:, :, None, None]
        u, v = dx * tilt.cos() + dy * tilt.sin(), dy * tilt.cos() - dx * tilt.sin()
        wave = torch.sin(self.time * 12)[None, :, None, None]
        color = torch.empty(b, 3, *u.shape[1:], device=self.device)
        d = torch.empty_like(u)
        for kind in set(kinds):
            at = [i for i, k in enumerate(kinds) if k == kind]
            color[at], d[at] = shapes.draw(kind, u[at], v[at], wave.expand(len(at), -1, -1, -1), rgb[at])
        light = (1.0 + 0.16 * (-0.6 * u - 0.8 * v).clamp(-1.2, 1.2))[:, None]
        color = (color * light).clamp(0, 1)
        edge = self.rand(b, 1, 1, 1, lo=1.0, hi=2.2) * (2.0 / self.h) / r
        body = torch.sigmoid(-d / edge * 2.2)[:, None]
        s = ((dx / 0.95) ** 2 + ((dy - 1.12) / 0.2) ** 2)
        shade = (shadow[:, None, None, None] * torch.exp(-s * 1.1))[:, None]
        shade = torch.where(shade < 0.02, 0.0, shade)
        body = torch.where(body < 0.01, 0.0, torch.where(body > 0.99, 1.0, body))
        alpha = body + shade * (1 - body)
        dark = torch.tensor([0.05, 0.05, 0.07], device=self.device).view(1, 3, 1, 1, 1)
        wide_body = torch.sigmoid(-d[:, None] / 0.12)
        wide_shade = torch.exp(-s * 0.55)[:, None] * (shadow[:, None, None, None, None] > 0).float()
        past = (color * wide_body + dark * wide_shade * (1 - wide_body) + 0.02 * color) / (
            wide_body + wide_shade * (1 - wide_body) + 0.02)
        inside = (color * body + dark * shade * (1 - body)) / alpha.clamp(min=1e-3)
        sure = (alpha / 0.06).clamp(0, 1)
        return inside * sure + past * (1 - sure), alpha

    # hints ------------------------------------------------------------------------------------------------------------

    def rough(self, alpha):
        """What a person would draw around a matte: dilated, shifted, blobby, often held still. [b, 1, T, h, w] -> the same, 0 or 1"""
        b = alpha.shape[0]
        held = alpha.amax(2, keepdim=True).expand_as(alpha)
        hold = (self.rand(b, 1, 1, 1, 1) < 0.5).float()
        m = alpha * (1 - hold) + held * hold
        small = F.avg_pool2d(m.transpose(1, 2).flatten(0, 1), 4)
        size = 2 * (1 + self.integer(5)) + 1
        small = F.max_pool2d(small, size, 1, size // 2)
        small = F.avg_pool2d(small, 5, 1, 2).unflatten(0, (b, self.t))
        wobble = self.noise(b, 1, *small.shape[-2:], 4, 3)[:, None] * 0.22
        shift = (self.integer(5) - 2, self.integer(5) - 2)
        # Moved without wrapping: what leaves the frame is gone, what comes in at a border repeats it.
        padded = F.pad(small.flatten(0, 1), (2, 2, 2, 2), mode="replicate").unflatten(0, (b, self.t))
        small = padded[..., 2 - shift[0] : 2 - shift[0] + small.shape[-2], 2 - shift[1] : 2 - shift[1] + small.shape[-1]]
        level = self.rand(b, 1, 1, 1, 1, lo=0.25, hi=0.6)
        big = F.interpolate((small + wobble * (small > 0.03)).flatten(0, 1), (self.h, self.w), mode="bilinear", align_corners=False)
        return (big.unflatten(0, (b, self.t)).transpose(1, 2) > level).float()

    # the camera -------------------------------------------------------------------------------------------------------

    def shoot(self, video):
        """What cameras and codecs do: exposure, white balance, blur, noise, blocks. Display-coded in and out."""
        b = video.shape[0]
        gain = self.rand(b, 3, 1, 1, 1, lo=0.9, hi=1.1) * self.rand(b, 1, 1, 1, 1, lo=0.75, hi=1.2)
        gamma = self.rand(b, 1, 1, 1, 1, lo=0.8, hi=1.25)
        video = (video.clamp(0, 1) ** gamma * gain + self.rand(b, 1, 1, 1, 1, lo=-0.03, hi=0.06)).clamp(0, 1)
        frames = video.transpose(1, 2).flatten(0, 1)
        if self.chance(0.4):
            soft = F.avg_pool2d(F.pad(frames, (1, 1, 1, 1), mode="replicate"), 3, 1)
            frames = frames + (soft - frames) * float(self.rand(1, lo=0.3, hi=1.0))
        if self.chance(0.35):
            frames = self.blocks(frames)
        amount = self.rand(b, 1, 1, 1).repeat_interleave(self.t, 0) ** 3 * 0.06
        frames = frames + amount * self.randn(*frames.shape)
        return frames.unflatten(0, (b, self.t)).transpose(1, 2).clamp(0, 1)

    def blocks(self, frames):
        """8x8 cosine blocks with coarse steps, as a low-rate codec leaves them."""
        n = torch.arange(8, device=self.device)
        basis = torch.cos(math.pi * (n[None] + 0.5) * n[:, None] / 8) * math.sqrt(2 / 8)
        basis[0] /= math.sqrt(2)
        b, c, h, w = frames.shape
        tiles = frames.view(b, c, h // 8, 8, w // 8, 8)
        coded = torch.einsum("ij,bcyjxk,lk->bcyixl", basis, tiles, basis)
        step = float(self.rand(1, lo=0.02, hi=0.12)) * (1 + (n[:, None] + n[None]) * 0.35)
        step = step[None, None, None, :, None, :]
        coded = torch.round(coded / step) * step
        return torch.einsum("ij,bcyixl,lk->bcyjxk", basis, coded, basis).reshape(b, c, h, w)
