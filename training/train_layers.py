#!/usr/bin/env python3
"""Trains text encoder and branches: python3 training/train_layers.py --state DIR --tokenizer spiece.model --seconds N.

Needs DIR/vae-weights.pt (train_vae.py). Samples are drawn and coded into a pool of latents that is refreshed while
training. Resumable: DIR/layers.pt holds everything; DIR/layers-weights-*.pt the averaged weights alone.
"""
import argparse
import copy
import math
import os
import random
import time

import torch
from vera_training import config
from vera_training.checkpoint import Model, encode_text, load_layers_weights, load_tokenizer, load_vae, save_layers_weights
from vera_training.drawn import files
from vera_training.muon import Muon
from vera_training.precision import autocast, fast_half
from vera_training.samples import mixed
from vera_training.world import World


class Pool:
    """Coded samples on the device, replaced in a ring."""

    def __init__(self, world, vae, tokenizer, size, draw, seed):
        self.world, self.vae, self.tokenizer, self.draw, self.seed = world, vae, tokenizer, draw, seed
        w = world
        shape = (size, 5, vae.cfg["z_dim"], (w.t - 1) // 4 + 1, w.h // 8, w.w // 8)
        self.latents = torch.empty(shape, dtype=torch.bfloat16, device=w.device)
        self.weight = torch.empty(size, *shape[3:], dtype=torch.bfloat16, device=w.device)
        self.has_mask = torch.empty(size, device=w.device)
        self.ids = torch.zeros(size, config.TEXT_TOKENS, dtype=torch.long, device=w.device)
        self.at, self.filled = 0, 0

    @torch.no_grad()
    def refresh(self):
        batch = mixed(self.world, self.seed, self.draw)
        self.seed += 1
        videos = torch.stack([v.expand(-1, 3, -1, -1, -1) for v in (batch.edit, batch.alpha, batch.composite, batch.source, batch.mask)], 1)
        with autocast(self.world.device):
            z = self.vae.encode(videos.flatten(0, 1) * 2 - 1).unflatten(0, (self.draw, 5))
        alpha = batch.alpha[:, 0]
        first, rest = alpha[:, :1], alpha[:, 1:].unflatten(1, (-1, 4)).amax(2)
        seen = torch.nn.functional.max_pool2d(torch.cat([first, rest], 1), 8)
        seen = torch.nn.functional.max_pool2d(seen, 3, 1, 1)
        rows = torch.arange(self.at, self.at + self.draw, device=z.device) % len(self.ids)
        self.latents[rows] = z.to(torch.bfloat16)
        self.weight[rows] = (0.08 + 0.92 * (seen > 0.02)).to(torch.bfloat16)
        self.has_mask[rows] = batch.has_mask
        self.ids[rows] = encode_text(self.tokenizer, batch.text, config.TEXT_TOKENS).to(z.device)
        self.at = (self.at + self.draw) % len(self.ids)
        self.filled = min(self.filled + self.draw, len(self.ids))


class Coded:
    """Coded clips from disk, latent frame by latent frame or whole. Looks for new files now and then."""

    def __init__(self, folder, seed):
        self.folder, self.rng, self.seen, self.whole, self.single = folder, random.Random(seed), set(), [], {}
        self.look()

    def look(self):
        for path in files(self.folder):
            if path in self.seen:
                continue
            self.seen.add(path)
            part = torch.load(path)
            places = part["places"].tolist()
            if len(places) > 2:
                self.whole.extend((part, i) for i in range(len(part["ids"])))
            for at, place in enumerate(places):
                self.single.setdefault(place, []).extend((part, i, at) for i in range(len(part["ids"])))

    def count(self):
        return len({(id(part), i) for group in self.single.values() for part, i, _ in group})

    def draw(self, batch, whole):
        """@batch clips that cover one latent frame, the same in all; or, in the share @whole of the steps, a third of them, with all."""
        if self.whole and self.rng.random() < whole:
            picks = [(part, i, slice(None)) for part, i in self.rng.choices(self.whole, k=max(2, batch // 3))]
        else:
            group = self.single[self.rng.choice(list(self.single))]
            picks = [(part, i, slice(at, at + 1)) for part, i, at in self.rng.choices(group, k=batch)]
        return {"latents": torch.stack([part["latents"][i][:, :, at] for part, i, at in picks]),
                "weight": torch.stack([part["weight"][i][at] for part, i, at in picks]),
                "has_mask": torch.stack([part["has_mask"][i] for part, i, _ in picks]),
                "ids": torch.stack([part["ids"][i] for part, i, _ in picks]),
                "places": picks[0][0]["places"][picks[0][2]].clone()}


def optimizers_for(model):
    """Muon for the matrices of the blocks, AdamW for all else."""
    inside = [p for name, p in model.named_parameters() if name.startswith("layers.blocks.") and name.endswith(".weight") and p.ndim == 3]
    ids = {id(p) for p in inside}
    decay = [p for p in model.parameters() if id(p) not in ids and p.ndim >= 2 and p.shape[-2:].numel() > 4096]
    ids |= {id(p) for p in decay}
    rest = [p for p in model.parameters() if id(p) not in ids]
    adam = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}], lr=1e-3,
                             betas=(0.9, 0.95), fused=torch.cuda.is_available())
    return [Muon(inside), adam]


def pool_batch(pool, batch, whole):
    """Most steps see two neighbouring latent frames of many clips, the share @whole all of them of fewer: what a clip holds is nearly the
    same in each, so many clips teach more than many frames."""
    frames = pool.latents.shape[3]
    if frames > 2 and float(torch.rand(())) >= whole:
        first, kept = int(torch.randint(frames - 1, ())), 2
    else:
        first, kept = 0, frames
    rows = torch.randint(pool.filled, (max(2, batch * 2 // (1 + kept)),), device=pool.ids.device)
    part = slice(first, first + kept)
    return {"latents": pool.latents[rows][:, :, :, part], "weight": pool.weight[rows][:, part], "has_mask": pool.has_mask[rows],
            "ids": pool.ids[rows], "places": torch.arange(first, first + kept, device=pool.ids.device)}


def noise_levels(batch, early, device):
    """Half logit-normal, half even, shifted; the share @early from the beginning of sampling. There nothing of the answer shows through
    the noise, so that it must be found in the source, the hint and the words: where a matte ends is learned there alone."""
    u = torch.rand(batch, device=device)
    u = torch.where(torch.rand(batch, device=device) < 0.5, torch.sigmoid(torch.randn(batch, device=device)), u)
    sigma = config.SHIFT * u / (1 + (config.SHIFT - 1) * u)
    return torch.where(torch.rand(batch, device=device) < early, 1 - 0.12 * torch.rand(batch, device=device), sigma)


def sample_loss(forward, drawn, native=None, early=0.0):
    z, ids = drawn["latents"].float(), drawn["ids"].clone()
    batch, device = len(ids), ids.device
    x0 = z[:, :3].transpose(0, 1)
    drop = torch.rand(batch, device=device) < 0.1
    empty = torch.zeros_like(ids[:1])
    empty[:, 0] = 1
    ids = torch.where(drop[:, None], empty, ids)
    sigma = noise_levels(batch, early, device)
    noise = torch.randn_like(x0)
    s = sigma.view(1, -1, 1, 1, 1, 1)
    x = (1 - s) * x0 + s * noise
    v = forward(x, z[:, 3], z[:, 4], drawn["has_mask"], sigma * 1000, ids, (ids != 0).long(), drawn["places"], native)
    error = (v - (noise - x0)).square().mean(2)
    weight = drawn["weight"].float()
    edit = (error[0] * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return edit.mean() + 2.5 * error[1].mean() + 0.5 * error[2].mean(), (edit.mean(), error[1].mean(), error[2].mean())


def save(state, model, average, optimizers, step, spent):
    torch.save({"model": model.state_dict(), "average": average.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step,
                "spent": spent}, os.path.join(state, "layers.tmp"))
    os.replace(os.path.join(state, "layers.tmp"), os.path.join(state, "layers.pt"))
    save_layers_weights(state, average.state_dict(), step, spent)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--total", type=float, default=0, help="seconds of the whole schedule, over all resumed runs")
    parser.add_argument("--fall", action="store_true", help="the learning rate falls from --lr to nothing within this run")
    parser.add_argument("--batch", type=int, default=192, help="clips a step if each gave one latent frame")
    parser.add_argument("--pool", type=int, default=16384)
    parser.add_argument("--draw", type=int, default=64, help="clips drawn at once")
    parser.add_argument("--fill", type=float, default=90, help="seconds of filling before training starts")
    parser.add_argument("--refresh", type=int, default=12, help="training steps between two drawn batches")
    parser.add_argument("--lr", type=float, default=1.4e-3)
    parser.add_argument("--latents", help="folder that code_clips.py fills; without it, samples are drawn and coded while training")
    parser.add_argument("--whole", type=float, default=0.2, help="share of steps on whole clips; the others see a part of each, of more clips")
    parser.add_argument("--early", type=float, default=0.0, help="share of samples taken from the beginning of sampling; 0.5 sharpens mattes")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    begin = time.time()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(1)
    if args.threads:
        torch.set_num_threads(args.threads)
    tokenizer = load_tokenizer(args.tokenizer)
    vae, profile = load_vae(args.state, args.device)
    model = Model(*config.network(profile, tokenizer.vocab_size())).to(args.device)
    model.layers.dtype = torch.bfloat16 if fast_half(args.device) else torch.float32
    print(f"parameters {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    average, optimizers = copy.deepcopy(model), optimizers_for(model)
    step, spent = 0, 0.0
    if os.path.exists(os.path.join(args.state, "layers.pt")):
        saved = torch.load(os.path.join(args.state, "layers.pt"), map_location=args.device)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        for optimizer, known in zip(optimizers, saved.get("optimizers", [])):
            optimizer.load_state_dict(known)
        step, spent = saved["step"], saved["spent"]
    elif os.path.exists(os.path.join(args.state, "layers-weights-0.pt")):
        weights, step, spent = load_layers_weights(args.state)
        model.load_state_dict(weights)
        average.load_state_dict(weights)
    first = step
    total = args.total or spent + args.seconds
    coded = Coded(args.latents, step) if args.latents else None
    pool = None if coded else Pool(World(args.device, 5000 + step, *config.world_size(profile)), vae, tokenizer, args.pool, args.draw, 5000 + step)
    while pool and time.time() - begin < args.fill and pool.filled < args.pool:
        pool.refresh()
    print(f"{coded.count() if coded else pool.filled} samples after {time.time() - begin:.0f}s", flush=True)
    forward = torch.compile(model, dynamic=False) if args.compile else model
    native = [n // 8 for n in config.world_size(profile)[1:]]
    last = saved_at = time.time()
    mean = [0.0, 0.0, 0.0]
    while time.time() - begin < args.seconds:
        if pool and step % args.refresh == 0:
            pool.refresh()
        if coded and step % 50 == 49:
            coded.look()
        done = min(1.0, (spent + time.time() - begin) / total)
        shape = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * max(0.0, done - 0.1) / 0.9))
        if args.fall:
            shape = 1 - (time.time() - begin) / args.seconds
        lr = args.lr * min(1, (step - first + 1) / 200) * shape
        for group in (g for o in optimizers for g in o.param_groups):
            group["lr"] = lr
        loss, parts = sample_loss(forward, coded.draw(args.batch, args.whole) if coded else pool_batch(pool, args.batch, args.whole), native,
                                  args.early)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        keep = min(0.998, (step + 1) / (step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
        step += 1
        if step % 20 == 0 or step == first + 5:
            mean = [float(p.detach()) for p in parts]
            if not math.isfinite(sum(mean)):
                raise SystemExit("the loss is not finite")
        if time.time() - last > 15:
            last = time.time()
            print(f"layers step {step} {time.time() - begin:.0f}s lr {lr:.2e} edit {mean[0]:.4f} alpha {mean[1]:.4f} composite {mean[2]:.4f}", flush=True)
        if time.time() - saved_at > 120:
            saved_at = time.time()
            save(args.state, model, average, optimizers, step, spent + time.time() - begin)
    save(args.state, model, average, optimizers, step, spent + time.time() - begin)
    print(f"layers done: step {step}, {step - first} this run", flush=True)


if __name__ == "__main__":
    main()
