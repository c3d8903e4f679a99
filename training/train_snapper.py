#!/usr/bin/env python3
"""Trains the snapper: python3 training/train_snapper.py --state DIR --clips CLIPS --mattes MATTES --seconds N.

CLIPS is what draw_clips.py left, MATTES what draw_mattes.py made of them with the model. Resumable: DIR/snapper.pt holds everything,
DIR/snapper-weights.pt the averaged weights alone.
"""
import argparse
import copy
import os
import random
import time

import torch
import torch.nn.functional as F
from vera_training.drawn import files
from vera_training.precision import autocast
from vera_training.snapper import Snapper, inputs, side_of
from vera_training.world import World


class Clips:
    """One file of drawn clips and the model's mattes of them; videos become floats when they are asked for, at half the size if told so."""

    def __init__(self, path, mattes, is_small):
        self.videos, self.is_small = torch.load(path), is_small
        self.changes = [i for i, alpha in enumerate(self.videos["alpha"]) if alpha.float().mean() > 127]
        drawn = os.path.join(mattes, os.path.basename(path))
        known = torch.load(drawn) if os.path.exists(drawn) else {"at": [], "drawn": []}
        self.mattes = dict(zip(known["at"], known["drawn"]))

    def sized(self, video):
        """[c, t, h, w] 0 .. 255 -> 0 .. 1. Both sides stay multiples of 16."""
        t, h, w = video.shape[1:]
        video = video.float() / 255
        return F.adaptive_avg_pool3d(video, (t, -(-h // 32) * 16, -(-w // 32) * 16)) if self.is_small else video

    def get(self, name, i):
        return self.sized(self.videos[name][i])


def painted(clips, rng, kept):
    """The subject and what is behind it, filled with what other clips show: an edge is where two pictures meet, whatever they are."""
    front, back = (clips.get(rng.choice(["source", "source", "edit"]), rng.randrange(len(clips.videos["source"]))) for _ in range(2))
    if rng.random() < 0.5:
        front = front.flip(-1)
    gain = torch.tensor([rng.uniform(0.6, 1.3) for _ in range(3)]).view(3, 1, 1, 1)
    shot = front * gain * kept + back * (1 - kept)
    return (shot + rng.random() ** 3 * 0.06 * torch.randn_like(shot)).clamp(0, 1)


def guessed(world, rng, kept):
    """A matte as a model that does not know better might draw it: blurred, too large or too small, with parts missing."""
    size = 2 * rng.randrange(1, 5) + 1
    small = F.avg_pool2d(F.avg_pool2d(kept[:, None], 4), size, 1, size // 2, count_include_pad=False)
    soft = F.interpolate(small, kept.shape[-2:], mode="bilinear")[:, 0]
    soft = ((soft - rng.uniform(0.1, 0.6)) * rng.uniform(1, 6) + 0.5).clamp(0, 1)
    holes = world.noise(1, 1, *kept.shape[-2:], rng.choice([4, 8, 16]), 3)[0, 0]
    return soft * ((holes - rng.uniform(-1.5, 0.3)) * 4).clamp(0, 1)


class Frames(torch.utils.data.IterableDataset):
    """Batches of frames: what the network sees, and what is kept of them."""

    def __init__(self, clips, mattes, batch, small, seed):
        self.clips, self.mattes, self.batch, self.small, self.seed = clips, mattes, batch, small, seed

    def sample(self, rng, clips, i):
        """Some frames of clip @i."""
        kept, has_drawn = 1 - clips.get("alpha", i)[0], i in clips.mattes and rng.random() < 0.65
        world = World("cpu", rng.randrange(1 << 30), *kept.shape)
        drawn = 1 - clips.sized(clips.mattes[i][None])[0] if has_drawn else guessed(world, rng, kept)
        rgb = painted(clips, rng, kept) if rng.random() < 0.4 else clips.get("source", i)
        region = None
        if rng.random() < 0.7:
            was_drawn = clips.videos["has_mask"][i] and rng.random() < 0.6
            region = clips.get("mask", i)[0] if was_drawn else world.rough((kept > 0.5).float()[None, None])[0, 0]
        side = None if region is None else side_of(region, drawn)
        if side is not None and rng.random() < 0.1:
            drawn = torch.zeros_like(drawn)
        frames = rng.sample(range(len(kept)), min(2 + len(kept) // 4, 5))
        seen, answer = inputs(rgb, drawn, side, frames), kept[frames]
        if rng.random() < 0.5:
            seen, answer = seen.flip(-1), answer.flip(-1)
        return list(zip(seen, answer))

    def __iter__(self):
        torch.set_num_threads(1)
        rng = random.Random(self.seed)
        torch.manual_seed(self.seed)
        held = {False: [], True: []}
        while True:
            is_small = rng.random() < self.small
            clips = Clips(rng.choice(files(self.clips)), self.mattes, is_small)
            ready, n = held[is_small], self.batch * (3 if is_small else 1)
            for i in 2 * clips.changes:
                ready += self.sample(rng, clips, i)
            rng.shuffle(ready)
            while len(ready) > 48 + n:
                yield tuple(torch.stack(part) for part in zip(*ready[:n]))
                del ready[:n]


def loss_of(guess, kept):
    """Errors of single pixels, most near the subject, and of the area as a whole."""
    near = F.max_pool2d(F.max_pool2d(kept[:, None], (1, 25), 1, (0, 12)), (25, 1), 1, (12, 0))[:, 0]
    weight = 0.3 + near
    single = (F.binary_cross_entropy_with_logits(guess, kept, reduction="none") * weight).mean((1, 2)) / weight.mean((1, 2))
    p = torch.sigmoid(guess)
    both, either = (p * kept).sum((1, 2)), (p + kept - p * kept).sum((1, 2))
    return (single + (1 - (both + 20) / (either + 20))).mean()


def overlap(guess, kept):
    ours, theirs = guess > 0, kept > 0.5
    return ((ours & theirs).sum((1, 2)) / (ours | theirs).sum((1, 2)).clamp(min=1)).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True)
    parser.add_argument("--clips", required=True)
    parser.add_argument("--mattes", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=16, help="frames a step; three times as many of half the size")
    parser.add_argument("--small", type=float, default=0.5, help="share of clips seen at half the size, which takes a quarter of the time")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--fall", action="store_true", help="the learning rate falls from --lr to nothing within this run")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    begin = saved_at = last = time.time()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model, step = Snapper().to(memory_format=torch.channels_last), 0
    print(f"parameters {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    path = os.path.join(args.state, "snapper.pt")
    if os.path.exists(path):
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    first, mean = step, None
    forward = torch.compile(model, dynamic=False) if args.compile else model
    loader = iter(torch.utils.data.DataLoader(Frames(args.clips, args.mattes, args.batch, args.small, step), None, num_workers=1, prefetch_factor=4))

    def save():
        torch.save({"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, path + ".part")
        os.replace(path + ".part", path)
        torch.save({name: value.half() for name, value in average.state_dict().items()}, os.path.join(args.state, "snapper-weights.pt"))

    while time.time() - begin < args.seconds:
        seen, kept = next(loader)
        done = (time.time() - begin) / args.seconds if args.fall else 0
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step - first + 1) / 100) * (1 - done)
        with autocast("cpu"):
            guess = forward(seen.contiguous(memory_format=torch.channels_last))
        loss = loss_of(guess, kept)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        keep = min(0.998, (step + 1) / (step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
            now = torch.stack([loss.detach(), overlap(guess, kept)])
            mean = now if mean is None else mean.lerp(now, 0.02)  # over about fifty steps
        step += 1
        if time.time() - last > 15:
            last = time.time()
            print(f"snapper step {step} {last - begin:.0f}s loss {float(mean[0]):.3f} IoU {float(mean[1]):.3f}", flush=True)
        if time.time() - saved_at > 120:
            saved_at = time.time()
            save()
    save()
    print(f"snapper done: step {step}", flush=True)


if __name__ == "__main__":
    main()
