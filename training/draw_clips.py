#!/usr/bin/env python3
"""Draws samples to disk for training on a processor: python3 training/draw_clips.py --output DIR --profile compact --seconds N.

Two of three batches are segments: the five frames that one latent frame is coded from, at the place that they have in a whole
clip; the third holds whole clips, half as many: motion is learned from these alone. Each file NNNNNN.pt is one batch: 8-bit videos, sentences and `first`, the place of its
first latent frame. Resumable: goes on after the last file.
"""
import argparse
import os
import time

import torch
from vera_training import config
from vera_training.samples import mixed
from vera_training.world import World


def draw(seed, size, batch, whole, share):
    world = World("cpu", seed, *size)
    first = 0
    if not whole:
        first = 1 + seed % ((size[0] - 1) // 4)
        world.t, world.time = 5, world.time[4 * first - 4 : 4 * first + 1]
    drawn = mixed(world, seed, batch, share)
    videos = {name: (getattr(drawn, name) * 255 + 0.5).to(torch.uint8) for name in ("source", "mask", "edit", "alpha")}
    return {**videos, "has_mask": drawn.has_mask, "text": drawn.text, "first": first}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True)
    parser.add_argument("--profile", choices=config.PROFILES, default="compact")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--changes", type=float, default=0.5, help="share of background changes; more of them once additions are right")
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.output, exist_ok=True)
    at, begin = len([f for f in os.listdir(args.output) if f.endswith(".pt")]), time.time()
    while time.time() - begin < args.seconds:
        whole = at % 3 == 2
        batch = draw(20000 + at, config.world_size(args.profile), args.batch // 2 if whole else args.batch, whole, args.changes)
        path = os.path.join(args.output, f"{at:06d}.pt")
        torch.save(batch, path + ".part")
        os.replace(path + ".part", path)
        at += 1
    print(f"{at} batches in {args.output}")


if __name__ == "__main__":
    main()
