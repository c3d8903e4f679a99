"""Edits made by the built program: clips go in as lossless movies, layers come back as 16-bit PNG sequences."""
import os
import subprocess

import numpy as np


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed ({done.returncode}): {done.stderr.decode(errors='replace').strip()[-800:]}")
    return done.stdout


def write_movie(path, video, fps):
    """video [T, h, w, 3] of bytes, kept bit for bit."""
    h, w = video.shape[1:3]
    run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(fps), "-i", "-",
         "-c:v", "ffv1", "-pix_fmt", "gbrp", path], input=np.ascontiguousarray(video).tobytes())


def read_sequence(folder, shape, channels):
    """16-bit PNG files in the order of their names -> [T, h, w, channels], 0 .. 1."""
    t, h, w = shape
    raw = run(["ffmpeg", "-v", "error", "-pattern_type", "glob", "-i", os.path.join(folder, "*.png"), "-f", "rawvideo",
               "-pix_fmt", "gray16le" if channels == 1 else "rgb48le", "-"])
    values = np.frombuffer(raw, "<u2")
    if values.size != t * h * w * channels:
        raise SystemExit(f"{folder} holds {values.size} values where {t} frames of {w}x{h} were expected")
    return values.reshape(t, h, w, channels) / 65535


def edit(program, model, folder, case, fps):
    """case: source and mask as byte videos, text, seed. Returns composite, edit and alpha at the clip's size."""
    os.makedirs(folder, exist_ok=True)
    clip, region, out = (os.path.join(folder, name) for name in ("clip.mkv", "region.mkv", "out"))
    write_movie(clip, case["source"], fps)
    frames = case["source"].shape[0]
    command = [program, "edit", clip, "--instruction", case["text"], "--range", f"1-{frames}", "--seed", str(case["seed"]),
               "--export", "png", "--output", out, "--model", model]
    if case["mask"] is not None:
        write_movie(region, np.repeat(case["mask"], 3, -1), fps)
        command += ["--region", region]
    run(command)
    shape = case["source"].shape[:3]
    composite, layer, alpha = (read_sequence(os.path.join(out, name), shape, n) for name, n in (("comp", 3), ("edit", 3), ("matte", 1)))
    return composite, layer, alpha[..., 0]
