#!/usr/bin/env python3
"""Codes drawn clips with the trained VAE: python3 training/code_clips.py --clips DIR --state DIR --tokenizer FILE --output DIR.

Several may run at once (--part I --parts N). A file becomes latents, weights of the loss, token ids. Resumable. --size codes the
clips smaller than they are: a quarter of the tokens teaches most of what words mean.
"""
import argparse
import os

import torch
from vera_training import config
from vera_training.checkpoint import encode_text, load_tokenizer, load_vae
from vera_training.drawn import files, load
from vera_training.precision import autocast

VIDEOS = ("edit", "alpha", "composite", "source", "mask")


def weigh(alpha):
    """Where the layer is, with a margin, at latent size: [b, t, h, w]."""
    alpha = alpha[:, 0]
    rest = alpha[:, 1:].unflatten(1, (-1, 4)).amax(2)
    seen = torch.cat([alpha[:, :1], rest], 1)
    seen = torch.nn.functional.max_pool2d(torch.nn.functional.max_pool2d(seen, 8), 3, 1, 1)
    return 0.08 + 0.92 * (seen > 0.02).float()


def shrink(video, size):
    """[b, c, t, h, w] averaged down to size (h, w)."""
    frames = video.transpose(1, 2).flatten(0, 1)
    return torch.nn.functional.interpolate(frames, size, mode="area").unflatten(0, (len(video), -1)).transpose(1, 2)


@torch.no_grad()
def code(batch, vae, tokenizer, size):
    first, n = batch["first"], batch["source"].shape[2]
    # The first latent frame of a segment stands for a single frame, which is true at the start of a clip alone.
    keep = slice(0, None) if first <= 1 or n > 5 else slice(1, None)
    if size:
        batch.update({name: shrink(batch[name], size) for name in VIDEOS})
    videos = torch.cat([batch[name].expand(-1, 3, -1, -1, -1) for name in VIDEOS]) * 2 - 1
    with autocast("cpu"):
        z = torch.cat([vae.encode(v)[:, :, keep] for v in videos.split(8)]).float()
    places = torch.arange(z.shape[2]) + (first if keep.start else 0)
    return {"latents": z.unflatten(0, (len(VIDEOS), -1)).transpose(0, 1).to(torch.bfloat16), "places": places,
            "weight": weigh(batch["alpha"])[:, keep].to(torch.bfloat16), "has_mask": batch["has_mask"],
            "ids": encode_text(tokenizer, batch["text"], config.TEXT_TOKENS)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--size", help="WxH, multiples of 16; as drawn if not given")
    parser.add_argument("--compile", action="store_true", help="a quarter faster after half a minute")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.output, exist_ok=True)
    size = tuple(int(n) for n in args.size.split("x"))[::-1] if args.size else None
    vae, _ = load_vae(args.state, "cpu")
    if args.compile:
        vae.encode = torch.compile(vae.encode, dynamic=False)
    tokenizer = load_tokenizer(args.tokenizer)
    for path in files(args.clips)[args.part :: args.parts]:
        target = os.path.join(args.output, os.path.basename(path))
        if not os.path.exists(target):
            torch.save(code(load(path), vae, tokenizer, size), target + ".part")
            os.replace(target + ".part", target)


if __name__ == "__main__":
    main()
