"""Batches that draw_clips.py left on disk."""
import os
import random

import torch


def files(folder):
    return sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".pt"))


def load(path):
    """Videos as floats 0 .. 1; the composite is made here."""
    batch = torch.load(path)
    for name in ("source", "mask", "edit", "alpha"):
        batch[name] = batch[name].float() / 255
    batch["composite"] = batch["edit"] * batch["alpha"] + batch["source"] * (1 - batch["alpha"])
    return batch


def crops(batch, size, n, rng):
    """n random crops of everything that the VAE must code, five frames long, [n, 3, 5, size, size] in [-1, 1].

    Half of them are centred on an edge of the matte, where the work is."""
    out = []
    alpha = batch["alpha"]
    b, _, t, h, w = alpha.shape
    for _ in range(n):
        i, f = rng.randrange(b), rng.choice(range(0, t - 4, 4))
        name = rng.choice(["source", "edit", "edit", "alpha", "alpha", "alpha", "composite", "mask"])
        y, x = rng.randrange(h - size + 1), rng.randrange(w - size + 1)
        if rng.random() < 0.5:
            soft = ((alpha[i, 0, f] > 0.1) & (alpha[i, 0, f] < 0.9)).nonzero()
            if len(soft):
                cy, cx = soft[rng.randrange(len(soft))].tolist()
                y, x = min(max(cy - size // 2, 0), h - size), min(max(cx - size // 2, 0), w - size)
        video = batch[name][i, :, f : f + 5, y : y + size, x : x + size].expand(3, -1, -1, -1)
        out.append(video[rng.sample(range(3), 3)])
    return torch.stack(out) * 2 - 1


class Crops:
    """Crops from random files, a file serving several steps."""

    def __init__(self, folder, size, seed):
        self.folder, self.size, self.rng, self.held = folder, size, random.Random(seed), []

    def next(self, n):
        if len(self.held) < n:
            batch = load(self.rng.choice(files(self.folder)))
            self.held.extend(crops(batch, self.size, 6 * n, self.rng).unbind())
            self.rng.shuffle(self.held)
        picked, self.held = self.held[:n], self.held[n:]
        return torch.stack(picked)
