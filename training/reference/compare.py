#!/usr/bin/env python3
"""Holds `vera eval` against the fixtures and against fresh, larger random models.

  compare.py VERA [--golden DIR] [--seed N]

Prints the relative error ||got - expected|| / ||expected|| of each case and the worst of each module.
Without --seed only the fixtures run; with it, models that are not in the tree, made on the spot.
"""
import argparse
import collections
import json
import math
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file

import make_fixtures as fixtures
from checkpoint import Form, branch_config, make_model, text_config, vae_config, write_index, write_layers, write_part

GOLDEN = pathlib.Path(__file__).parents[2] / "tests/golden"


def get_error(got, expected):
    if got is None or got.shape != expected.shape or not got.isfinite().all():
        return math.inf
    return float((got.double() - expected.double()).norm() / expected.double().norm())


def run_case(vera, root, case, out):
    out.unlink(missing_ok=True)
    done = subprocess.run([vera, "eval", case["module"], "--model", root / case["model"], "--in", root / case["in"],
                           "--out", out, *case["args"]], capture_output=True, text=True)
    if done.returncode:
        return math.inf, done.stderr.strip()
    got, expected = load_file(out), load_file(root / case["expected"])
    extra = got.keys() - expected.keys()
    worst = max(get_error(got.get(name), value) for name, value in expected.items())
    return (math.inf, f"has also {sorted(extra)}") if extra else (worst, "")


def run_tokenizer(vera, root):
    wrong = 0
    for case in json.loads((root / "tokenizer.json").read_text()):
        done = subprocess.run([vera, "eval", "tokenizer", "--model", root / "model-f32", f"--text={case['text']}"],
                              capture_output=True, text=True)
        if done.returncode or list(map(int, done.stdout.split())) != case["ids"]:
            wrong += 1
            print(f"tokenizer: {case['text'][:60]!r}\n  expected {case['ids'][:30]}\n  got      {done.stdout}{done.stderr}")
    return wrong


def run(vera, root):
    failed, worst = 0, collections.defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        for case in json.loads((root / "manifest.json").read_text()):
            error, message = run_case(vera, root, case, pathlib.Path(folder) / "out.safetensors")
            is_bad = not error < case["tolerance"]
            failed += is_bad
            worst[case["module"]] = max(worst[case["module"]], error)
            print(f"{case['name']:44} {error:.2e} {'FAILED ' + message if is_bad else ''}")
    if (root / "tokenizer.json").exists():
        failed += run_tokenizer(vera, root)
    for module, error in worst.items():
        print(f"worst of {module:20} {error:.2e}")
    print(f"{failed} failed")
    return failed


@torch.no_grad()
def make_fresh(root, seed):
    """Larger than the fixtures, of other proportions in every configuration."""
    branch = branch_config(heads=3, head_dim=64, layers=4, channels=16, text_dim=96, ffn_dim=416, freq_dim=256)
    vae = vae_config(16, [1, 2, 4, 4], 2, [False, True, True], fixtures.WAN_MEAN, fixtures.WAN_STD)
    text = text_config(vocab=1000, width=96, heads=4, head_dim=32, ffn_dim=200, layers=5)
    model = make_model(seed, branch, vae, text)
    maker = fixtures.Maker(root)
    maker.generator.manual_seed(seed)
    for name, module in model.branches.items():
        write_part(root / "fresh", f"branches/{name}", module, branch, Form("BF16", n_shards=2))
    write_part(root / "fresh", "vae", model.vae, vae, Form())
    write_part(root / "fresh", "text_encoder", model.text_encoder, text, Form("F16"))
    write_layers(root / "fresh", model.layers, "F32")
    write_index(root / "fresh", "fresh")
    fixtures.add_text(maker, "fresh", model.text_encoder, ((512, 200), (33, 33)))
    fixtures.add_vae(maker, "fresh", model.vae, ((9, 64, 96), (1, 40, 24)))
    fixtures.add_branches(maker, "fresh", model, branch, ((3, 10, 14, 60), (1, 30, 22, 1), (4, 8, 8, 512)))
    fixtures.add_transformer(maker, "fresh", model, branch, ((3, 10, 14, 60),))
    fixtures.add_pipeline(maker, "fresh", model, (9, 48, 80), ((10, 5.0, 5.0, "unipc", True),))
    (root / "manifest.json").write_text(json.dumps(maker.cases))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vera", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path, default=GOLDEN)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    failed = run(arguments.vera, arguments.golden)
    if arguments.seed is not None:
        with tempfile.TemporaryDirectory() as folder:
            make_fresh(pathlib.Path(folder), arguments.seed)
            failed += run(arguments.vera, pathlib.Path(folder))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
