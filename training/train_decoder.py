#!/usr/bin/env python3
"""Trains the VAE's decoder further: python3 training/train_decoder.py --state DIR --clips CLIPS --seconds N.

The encoder stays, so the latents stay, and with them everything that branches have learned: this can follow train_layers.py. The decoder
also sees latents that are a little wrong, as branches give them, and learns to make of them what they were meant to be.
Needs DIR/vae-weights.pt and writes it again; resumable by DIR/decoder.pt.
"""
import argparse
import math
import os
import time

import torch
from train_vae import loss_of
from vera_training import config
from vera_training.checkpoint import load_vae
from vera_training.drawn import Crops, files, load
from vera_training.metrics import overlap
from vera_training.precision import autocast

WRONG = 0.35  # most that a latent is off, in its own standard deviations


def spoil(latents, generator):
    """Latents with noise of a strength drawn for each clip; half of the clips keep theirs nearly exact."""
    amount = torch.rand(len(latents), 1, 1, 1, 1, generator=generator) ** 3 * WRONG
    return latents + amount.to(latents.device) * torch.randn(latents.shape, generator=generator).to(latents.device)


@torch.no_grad()
def judge(vae, clips, device):
    """Mean square error of what a take holds, and the overlap of mattes with themselves, on whole clips kept aside."""
    errors, overlaps = [], []
    for path in clips:
        batch = load(path)
        for name in ("edit", "alpha"):
            for video in batch[name].expand(-1, 3, -1, -1, -1):
                video = video[None].to(device) * 2 - 1
                out = vae.decode(vae.encode(video))
                errors.append(float((out - video).square().mean()))
                if name == "alpha":
                    ours, truth = ((v[0].mean(0) / 2 + 0.5).cpu().numpy() for v in (out, video))
                    overlaps.append(min(overlap(ours, truth), overlap(1 - ours, 1 - truth)))
    return 10 * math.log10(4 * len(errors) / sum(errors)), sum(overlaps) / len(overlaps)


def save(state, vae, optimizer, step):
    path = os.path.join(state, "vae-weights.pt")
    facts = torch.load(path, map_location="cpu")
    facts["vae"] = {k: v.half().cpu() for k, v in vae.state_dict().items()}
    for name, value in (("vae-weights.pt", facts), ("decoder.pt", {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": step})):
        torch.save(value, os.path.join(state, name + ".part"))
        os.replace(os.path.join(state, name + ".part"), os.path.join(state, name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True)
    parser.add_argument("--clips", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=8e-4)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    vae, profile = load_vae(args.state, args.device)
    trained = [*vae.post_quant_conv.parameters(), *vae.decoder.parameters()]
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer, step = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01), 0
    resume = os.path.join(args.state, "decoder.pt")
    if os.path.exists(resume):
        saved = torch.load(resume, map_location=args.device)
        vae.load_state_dict(saved["vae"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    aside = [p for p in files(args.clips) if load(p)["source"].shape[2] > 5][:1]
    drawn, random = Crops(args.clips, config.PROFILES[profile]["crop"], 1000 + step), torch.Generator().manual_seed(step)
    print("psnr {:.2f} overlap {:.3f} at the start".format(*judge(vae, aside, args.device)), flush=True)
    begin = last = saved_at = time.time()
    while (now := time.time()) - begin < args.seconds:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * (now - begin) / args.seconds)))
        video = drawn.next(args.batch).to(args.device)
        with autocast(args.device):
            with torch.no_grad():
                latents = spoil(vae.encode(video).float(), random)
            out = vae.decode_raw(latents * vae.std.view(1, -1, 1, 1, 1) + vae.mean.view(1, -1, 1, 1, 1)).float()
        loss, mse = loss_of(out, video)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if now - last > 20:
            last = now
            print(f"decoder step {step} {now - begin:.0f}s loss {float(loss.detach()):.4f} psnr {10 * math.log10(4 / float(mse.detach())):.1f}", flush=True)
        if now - saved_at > 180:
            saved_at = now
            save(args.state, vae, optimizer, step)
    save(args.state, vae, optimizer, step)
    print("psnr {:.2f} overlap {:.3f} at the end".format(*judge(vae, aside, args.device)), flush=True)


if __name__ == "__main__":
    main()
