#!/usr/bin/env python3
"""Trains the VAE: python3 training/train_vae.py --state DIR --seconds N [--batch N]. Resumable; CPU or CUDA."""
import argparse
import math
import os
import time

import torch
import torch.nn.functional as F
from vera_training import config
from vera_training.drawn import Crops
from vera_training.precision import autocast
from vera_training.samples import mixed
from vera_training.vae import VAE
from vera_training.world import World


def clips(batch):
    """Everything that the VAE must code, [n, 3, T, h, w] in [-1, 1]."""
    grey = [m.expand(-1, 3, -1, -1, -1) for m in (batch.alpha, batch.alpha, batch.mask[: max(1, len(batch.text) // 3)])]
    return torch.cat([batch.source, batch.edit, batch.composite[: max(1, len(batch.text) // 2)], *grey]) * 2 - 1


def crop(video, size, frames, generator):
    def pick(n):
        return int(torch.randint(n, (1,), generator=generator))
    t, h, w = video.shape[2:]
    y, x, f = pick(h - size + 1), pick(w - size + 1), pick(t - frames + 1)
    return video[:, :, f : f + frames, y : y + size, x : x + size]


def edges(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def hue(x):
    return x - x.mean(1, keepdim=True)


def loss_of(out, target):
    """L1 of values, gradients, a coarse level and, apart, of its colour, which is otherwise learned last; values beyond the
    range count little, so that plateaus come out exact."""
    beyond = (out.abs() - 1).clamp(min=0).mean()
    out = out.clamp(-1, 1)
    small = [F.avg_pool3d(v, (1, 4, 4)) for v in (out, target)]
    return (F.l1_loss(out, target) + 0.05 * beyond + 0.5 * F.l1_loss(*small) + 2 * F.l1_loss(hue(small[0]), hue(small[1]))
            + 0.5 * sum(F.l1_loss(a, b) for a, b in zip(edges(out), edges(target)))), F.mse_loss(out, target)


@torch.no_grad()
def measure(vae, video):
    means = torch.cat([vae.moments(v[None])[0].float() for v in video])
    flat = means.transpose(0, 1).flatten(1)
    return flat.mean(1).tolist(), flat.std(1).clamp(min=1e-3).tolist()


def write(args, vae, optimizer, step, spent, mean, std):
    facts = {"mean": mean, "std": std, "step": step, "spent": spent, "profile": args.profile}
    torch.save({"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), **facts}, os.path.join(args.state, "vae.pt"))
    torch.save({"vae": {k: v.half() for k, v in vae.state_dict().items()}, **facts}, os.path.join(args.state, "vae-weights.pt"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--total", type=float, default=0, help="seconds of the whole schedule, over all resumed runs")
    parser.add_argument("--profile", choices=config.PROFILES, default="small")
    parser.add_argument("--clips", help="folder that draw_clips.py fills; without it, samples are drawn while training")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--pool", type=int, default=12, help="training steps between two drawn batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    profile, size = config.PROFILES[args.profile], config.world_size(args.profile)
    frames = size[0]
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    path = os.path.join(args.state, "vae.pt")
    os.makedirs(args.state, exist_ok=True)
    vae = VAE(profile["vae"]).to(args.device)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=8e-4, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent = 0, 0.0
    if os.path.exists(path):
        saved = torch.load(path, map_location=args.device)
        vae.load_state_dict(saved["vae"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
    world, picks = World(args.device, 1000 + step, *size), torch.Generator().manual_seed(step)
    drawn = Crops(args.clips, profile["crop"], 1000 + step) if args.clips else None
    begin = last = saved = time.time()
    pool, total, mse_mean = None, args.total or spent + args.seconds, 0.05
    while time.time() - begin < args.seconds:
        done = (spent + time.time() - begin) / total
        for group in optimizer.param_groups:
            group["lr"] = 8e-4 * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1))))
        if drawn:
            video = drawn.next(args.batch).to(args.device)
        else:
            if pool is None or step % args.pool == 0:
                pool = clips(mixed(world, step, args.batch))
            whole = step % 8 == 7
            rows = torch.randperm(len(pool), generator=picks)[: max(2, args.batch // 2) if whole else args.batch * 2].to(args.device)
            video = pool[rows] if whole else crop(pool[rows], profile["crop"], (frames + 1) // 2 if step % 2 else frames, picks)
        with autocast(args.device):
            mean, logvar = vae.moments(video)
            logvar = logvar.float().clamp(-20, 5)
            z = mean.float() + torch.randn_like(logvar) * (0.5 * logvar).exp()
            out = vae.decode_raw(z).float()
        loss, mse = loss_of(out, video)
        kl = 0.5 * (mean.float().square() + logvar.exp() - 1 - logvar).mean()
        (loss + 3e-5 * kl).backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 10 == 0:
            mse_mean += 0.3 * (float(mse.detach()) - mse_mean)
            if time.time() - last > 10:
                last = time.time()
                print(f"vae step {step} {time.time() - begin:.0f}s loss {float(loss.detach()):.4f} psnr {10 * math.log10(4 / mse_mean):.1f} kl {float(kl.detach()):.1f}",
                      flush=True)
        if time.time() - saved > 180:
            saved = time.time()
            write(args, vae, optimizer, step, spent + time.time() - begin, [0.0] * len(vae.mean), [1.0] * len(vae.mean))
    vae.eval()
    test = clips(mixed(World(args.device, 7, *size), 7, 8))
    with autocast(args.device), torch.no_grad():
        mean, std = measure(vae, test)
        for name, part in zip(("source", "edit", "composite", "matte"), (test[:8], test[8:16], test[16:20], test[20:28])):
            out = torch.cat([vae.decode_raw(vae.moments(v[None])[0]).clamp(-1, 1).float() for v in part])
            print(f"vae psnr {name}: {10 * math.log10(4 / float(F.mse_loss(out, part))):.2f}", flush=True)
    write(args, vae, optimizer, step, spent + time.time() - begin, mean, std)


if __name__ == "__main__":
    main()
