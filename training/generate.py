#!/usr/bin/env python3
"""Writes a preview sheet of the generated world: python3 training/generate.py OUT.png [--seed N] [--rows N]."""
import argparse

import numpy as np
import torch
from PIL import Image
from vera_training.samples import mixed
from vera_training.world import World


def sheet(batch, at=(0, 8, 16)):
    rows = []
    for i in range(batch.source.shape[0]):
        cells = []
        for t in at:
            for video in (batch.source, batch.mask, batch.edit, batch.alpha, batch.composite):
                cells.append(video[i, :, t].expand(3, -1, -1))
        rows.append(torch.cat(cells, -1))
    return torch.cat(rows, -2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    batch = mixed(World(args.device, args.seed), args.seed, args.rows)
    picture = sheet(batch, (8,))
    Image.fromarray((picture.clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)).save(args.out)
    print("\n".join(batch.text))


if __name__ == "__main__":
    main()
