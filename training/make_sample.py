#!/usr/bin/env python3
"""Draws the sample project's clip and region: python3 training/make_sample.py data/sample. Needs ffmpeg with libx264.

A walker crosses a meadow; the region is drawn roughly around the walker, as a person would, once for the whole clip.
"""
import os
import sys

import numpy as np
import torch
from PIL import Image
from vera_training.program import run
from vera_training.samples import figure
from vera_training.scenes import SCENES
from vera_training.world import World

FRAMES, HEIGHT, WIDTH, FPS = 49, 360, 640, 24


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    world = World("cpu", 12, FRAMES, HEIGHT, WIDTH)
    plate = SCENES["meadow"][0](world, 1).clamp(0, 1)
    x = (-0.85 + 0.9 * world.time)[None]
    y = 0.28 + 0.02 * torch.sin(world.time * 18)[None]
    color, body = figure(world, 1, x, y, torch.tensor([0.5]))
    video = color * body + plate * (1 - body)
    video = (video + 0.012 * world.randn(*video.shape)).clamp(0, 1)
    frames = (video[0].permute(1, 2, 3, 0) * 255 + 0.5).to(torch.uint8).numpy()
    run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-",
         "-c:v", "libx264", "-preset", "slow", "-crf", "18", "-threads", "1", "-pix_fmt", "yuv420p", "-colorspace", "bt709",
         "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-vf", "scale=out_color_matrix=bt709:out_range=tv",
         "-movflags", "+faststart", "-map_metadata", "-1", os.path.join(folder, "sample.mp4")], input=np.ascontiguousarray(frames).tobytes())
    first = body[:, :, :17].amax(2, keepdim=True)
    region = world.rough(first.expand(-1, -1, FRAMES, -1, -1))[0, 0, 0]
    Image.fromarray((region.numpy() * 255).astype(np.uint8)).save(os.path.join(folder, "region.png"), optimize=True)


if __name__ == "__main__":
    main()
