#!/usr/bin/env python3
"""Judges a model on cases that training never saw: python3 training/evaluate.py --program build/vera --model DIR --sheet OUT.png

The cases are fixed in training/cases.json. Three things can be judged by the same measures:
  --program VERA --model DIR   a model, through the built program
  --state DIR --tokenizer FILE a training state, through the training code
  --truth                      what the world itself draws: the ceiling of the measures
"""
import argparse
import json
import os
import random
import tempfile

import numpy as np
import torch
from PIL import Image
from vera_training import config, grammar, metrics, program
from vera_training.samples import changes, paint, place_things
from vera_training.world import World


def frames(video):
    """[c, T, h, w] -> [T, h, w, c] as numpy."""
    return video.permute(1, 2, 3, 0).numpy()


def as_bytes(video):
    return (np.clip(video, 0, 1) * 255 + 0.5).astype(np.uint8)


def build(case, size):
    """The clip, the sentence, the hint, and what the world's own answer is."""
    world, rng = World("cpu", case["seed"], *size), random.Random(case["seed"])
    if case["task"] == "add":
        source = world.shoot(world.warp(world.panorama(1)))[0]
        radius, x, y = place_things(world, rng, 1, [case["size"]], [case["place"]], [case["motion"]])
        edit, alpha = world.object([case["kind"]], paint(world, [case["color"]]), radius, x, y, world.rand(1, lo=0.3, hi=0.55))
        text = grammar.addition(case["kind"], case["color"], case["size"], case["place"], case["motion"], rng, plain=True)
        mask, edit, alpha = None, edit[0], alpha[0]
    else:
        batch = changes(world, rng, 1, plain=True, p_hint=float(case["hint"] != "none"), polarity=case["hint"], scene=case["scene"])
        source, edit, alpha, text = batch.source[0], batch.edit[0], batch.alpha[0], batch.text[0]
        mask = None if case["hint"] == "none" else batch.mask[0]
    return {"source": as_bytes(frames(source)), "mask": None if mask is None else as_bytes(frames(mask)), "text": text,
            "seed": case["seed"], "edit": frames(edit), "alpha": frames(alpha)[..., 0]}


def over(edit, alpha, source):
    return np.where(alpha[..., None] == 0, source, edit * alpha[..., None] + source * (1 - alpha[..., None]))


class Truth:
    def __call__(self, built):
        return over(built["edit"], built["alpha"], built["source"] / 255), built["edit"], built["alpha"]


class State:
    def __init__(self, args):
        from vera_training.checkpoint import Model, load_layers_weights, load_tokenizer, load_vae
        self.args, self.device = args, "cuda" if torch.cuda.is_available() else "cpu"
        self.vae, self.profile = load_vae(args.state, self.device)
        self.tokenizer = load_tokenizer(args.tokenizer)
        self.model = Model(*config.network(self.profile, self.tokenizer.vocab_size())).to(self.device).eval()
        self.model.load_state_dict(load_layers_weights(args.state)[0])

    def __call__(self, built):
        from vera_training.sampler import sample
        def video(v):
            return None if v is None else (torch.from_numpy(v).permute(3, 0, 1, 2).float() / 255).to(self.device)
        edit, alpha = sample(self.model, self.vae, self.tokenizer, {
            "source": video(built["source"]), "mask": video(built["mask"]), "text": built["text"], "seed": built["seed"],
            "steps": self.args.steps, "guidance": self.args.guidance})
        edit, alpha = edit.permute(1, 2, 3, 0).cpu().numpy(), alpha.cpu().numpy()
        return over(edit, alpha, built["source"] / 255), edit, alpha


class Program:
    def __init__(self, args, fps):
        self.args, self.fps = args, fps

    def __call__(self, built):
        with tempfile.TemporaryDirectory() as folder:
            return program.edit(self.args.program, self.args.model, folder, built, self.fps)


def strip(built, result):
    """One row of the sheet: source, hint, layer, matte, composite of the middle frame."""
    at = len(built["source"]) // 2
    composite, edit, alpha = (v[at] for v in result)
    hint = np.zeros_like(alpha) if built["mask"] is None else built["mask"][at, ..., 0] / 255
    grey = [np.repeat(v[..., None], 3, -1) for v in (hint, alpha)]
    return np.concatenate([built["source"][at] / 255, grey[0], edit, grey[1], composite], 1)


def judge(cases, backend, size):
    rows, table = [], {"add": [], "background": [], "subject": [], "none": [], "soft": [], "psnr": []}
    for case in cases:
        built = build(case, size)
        composite, edit, alpha = result = backend(built)
        rows.append(strip(built, result))
        table["soft"].append(metrics.softness(alpha))
        table["psnr"].append(metrics.psnr_outside(composite, built["source"] / 255, alpha))
        if case["task"] == "add":
            right, found = metrics.addition(edit, alpha, case)
            table["add"].append(right)
            print(f"{built['text']} -> {found} {'right' if all(right.values()) else 'WRONG'}", flush=True)
        else:
            table[case["hint"]].append(metrics.overlap(alpha, built["alpha"]))
            print(f"{built['text']} hint {case['hint']} -> IoU {table[case['hint']][-1]:.3f}", flush=True)
    return rows, table


def report(table):
    if table["add"]:
        share = {n: np.mean([r[n] for r in table["add"]]) for n in ("color", "place", "size")}
        print(f"additions fully right: {np.mean([all(r.values()) for r in table['add']]):.0%} of {len(table['add'])} ("
              + ", ".join(f"{n} {v:.0%}" for n, v in share.items()) + ")")
    for hint, words in (("background", "hint white over the background"), ("subject", "hint white around the subject"), ("none", "no hint")):
        if table[hint]:
            print(f"background change, {words}: mean IoU of the kept subject {np.mean(table[hint]):.3f} of {len(table[hint])}")
    print(f"pixels with 0.05 < alpha < 0.95: {np.mean(table['soft']):.1%}")
    seen = [p for p in table["psnr"] if not np.isnan(p)]
    print(f"PSNR where the matte is 0: {min(seen):.1f} dB at worst, of {len(seen)} cases" if seen else "the matte is 0 nowhere")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--program")
    which.add_argument("--state")
    which.add_argument("--truth", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--tokenizer")
    parser.add_argument("--profile", choices=config.PROFILES, default="small", help="size of the clips; a state brings its own")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--every", type=int, default=1, help="judge every Nth case only")
    parser.add_argument("--sheet", default="sheet.png")
    args = parser.parse_args()
    if args.program and not args.model or args.state and not args.tokenizer:
        parser.error("--program needs --model, --state needs --tokenizer")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)[:: args.every]
    backend = State(args) if args.state else Program(args, config.PROFILES[args.profile]["native"]["fps"]) if args.program else Truth()
    size = config.world_size(getattr(backend, "profile", args.profile))
    rows, table = judge(cases, backend, size)
    Image.fromarray(as_bytes(np.concatenate(rows))).save(args.sheet)
    report(table)


if __name__ == "__main__":
    main()
