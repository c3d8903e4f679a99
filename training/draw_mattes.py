#!/usr/bin/env python3
"""What a model's mattes of drawn background changes look like: python3 training/draw_mattes.py --state STATE --tokenizer spiece.model --clips CLIPS --coded CODED --output MATTES.

For train_snapper.py, which learns to mend them. Only files of CODED (code_clips.py) that hold their clips from the first frame on are of use.
Each file NNNNNN.pt holds `drawn`, 8-bit mattes, and `at`, the clips of CLIPS/NNNNNN.pt that they belong to. Resumable; several may
run side by side, each with its --part.
"""
import argparse
import os
import random

import torch
from vera_training import config
from vera_training.checkpoint import Model, load_layers_weights, load_tokenizer, load_vae
from vera_training.drawn import files
from vera_training.precision import autocast, fast_half
from vera_training.sampler import UniPC, grid


@torch.no_grad()
def sample(model, vae, coded, at, size, steps):
    """Mattes [n, T, h, w] of clips @at, 0 .. 1, without guidance."""
    z, ids, has_mask = coded["latents"][at].float(), coded["ids"][at], coded["has_mask"][at]
    x = torch.randn_like(z[:, :3].transpose(0, 1))
    sigmas, timesteps = grid(steps, config.SHIFT)
    solver = UniPC(sigmas)
    for i, timestep in enumerate(timesteps):
        tau = torch.full((len(at),), float(timestep))
        velocity = model(x, z[:, 3], z[:, 4], has_mask, tau, ids, (ids != 0).long(), coded["places"], [n // 8 for n in size[1:]])
        x = solver.step(i, x, velocity.float())
    with autocast("cpu"):
        return torch.stack([vae.decode(x[1, i : i + 1]).float()[0].mean(0) / 2 + 0.5 for i in range(len(at))]).clamp(0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("state", "tokenizer", "clips", "coded", "output"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--part", default="0/1", help="which of how many shares of the files")
    args = parser.parse_args()
    torch.set_num_threads(1)
    part, parts = map(int, args.part.split("/"))
    os.makedirs(args.output, exist_ok=True)
    vae, profile = load_vae(args.state, "cpu")
    model = Model(*config.network(profile, load_tokenizer(args.tokenizer).vocab_size())).eval()
    model.load_state_dict(load_layers_weights(args.state)[0])
    model.layers.dtype = torch.bfloat16 if fast_half("cpu") else torch.float32
    for path in files(args.coded)[part::parts]:
        name = os.path.basename(path)
        clips_path, out = os.path.join(args.clips, name), os.path.join(args.output, name)
        if os.path.exists(out) or not os.path.exists(clips_path):
            continue
        coded, clips = torch.load(path), torch.load(clips_path)
        at = [i for i, alpha in enumerate(clips["alpha"]) if alpha.float().mean() > 127]
        if 4 * len(coded["places"]) - 3 != clips["source"].shape[2] or not at:
            continue
        torch.manual_seed(int(name[:6]))
        # A few steps draw worse mattes than many: the snapper must know both.
        drawn = sample(model, vae, coded, at, config.world_size(profile), random.Random(name).choice([2, 3, 5, 8]))
        torch.save({"at": at, "drawn": (drawn * 255 + 0.5).to(torch.uint8)}, out + ".part")
        os.replace(out + ".part", out)
        print(f"{name}: {len(at)} clips", flush=True)


if __name__ == "__main__":
    main()
