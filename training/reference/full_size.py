#!/usr/bin/env python3
"""A checkpoint with the exact shapes of Vera-1.3B, random, and one forward of PyTorch to compare with.

  full_size.py make DIR [--layers N]    8.5 GB of bfloat16 weights, inputs for 416x240 and 9 frames
  full_size.py expect DIR               runs PyTorch in float32, block by block; writes DIR/expected.safetensors
  full_size.py compare DIR VERA         runs `vera eval transformer`; prints error, time and memory

Weights are written tensor by tensor and read block by block: neither side holds the model in memory.
"""
import argparse
import json
import os
import pathlib
import subprocess
import time
import zlib

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import network
from checkpoint import branch_config, draw, make_layers, write_index, write_json, write_layers
from compare import get_error

STEM = "diffusion_pytorch_model"
N_SHARDS = 2


def get_config(layers):
    return branch_config(heads=12, head_dim=128, layers=layers, channels=16, text_dim=4096, ffn_dim=8960,
                         freq_dim=256)


def make_empty(config, layers):
    from diffusers import WanTransformer3DModel
    with torch.device("meta"):
        return WanTransformer3DModel(**{**config, "num_layers": layers})


def write_stream(path, shapes, prefix):
    """A safetensors file of random bfloat16 tensors, one at a time; the seed of each is its name."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape.numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            generator = torch.Generator().manual_seed(zlib.crc32(f"{prefix}/{name}".encode()))
            file.write(draw(name, shape, generator).bfloat16().view(torch.int16).numpy().tobytes())


def write_branch(root, name, config):
    shapes = {k: v.shape for k, v in make_empty(config, config["num_layers"]).state_dict().items()}
    folder, where, names = root / "branches" / name, {}, sorted(shapes)
    write_json(folder / "config.json", config)
    for i in range(N_SHARDS):
        file = f"{STEM}-{i + 1:05}-of-{N_SHARDS:05}.safetensors"
        part = {k: shapes[k] for k in names[i * len(names) // N_SHARDS:(i + 1) * len(names) // N_SHARDS]}
        where |= dict.fromkeys(part, file)
        write_stream(folder / file, part, name)
    size = sum(2 * shape.numel() for shape in shapes.values())
    write_json(folder / f"{STEM}.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": where})
    return size


def make(root, layers):
    config = get_config(layers)
    root.mkdir(parents=True)
    size = sum(write_branch(root, name, config) for name in network.BRANCHES)
    write_layers(root, make_layers(config, torch.Generator().manual_seed(1)), "BF16")
    write_index(root, "full-size", 416, 240, 9)
    g = torch.Generator().manual_seed(2)
    inputs = {name: torch.randn(1, 16, 3, 30, 52, generator=g) for name in (*network.BRANCHES, "source", "mask")}
    inputs |= {"timestep": torch.tensor([937.0]), "text": torch.randn(1, 40, 4096, generator=g) * 0.3}
    save_file(inputs, root / "input.safetensors")
    print(f"{size:,} bytes of weights")


class Weights:
    """Tensors of one branch, each read when asked for."""

    def __init__(self, folder):
        index = json.loads((folder / f"{STEM}.safetensors.index.json").read_text())["weight_map"]
        files = {file: safe_open(folder / file, "pt") for file in set(index.values())}
        self.files = {name: files[file] for name, file in index.items()}

    def load(self, module, prefix=""):
        """Fills a module made on the device `meta` with the values, widened to float32."""
        state = {name: self.files[prefix + name].get_tensor(prefix + name).float() for name in module.state_dict()}
        module.load_state_dict(state, assign=True)
        return module.eval().requires_grad_(False)


@torch.no_grad()
def expect(root):
    weights = {name: Weights(root / "branches" / name) for name in network.BRANCHES}
    config = json.loads((root / "branches/edit/config.json").read_text())
    from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed
    branches = {}
    for name in network.BRANCHES:
        branches[name] = weights[name].load(make_empty(config, 0))
        branches[name].rope = WanRotaryPosEmbed(config["attention_head_dim"], config["patch_size"], 1024)

    def run_blocks(tokens, rows, text, rope):
        for i in range(config["num_layers"]):
            blocks = [weights[name].load(make_empty(config, 1).blocks[0], f"blocks.{i}.")
                      for name in network.BRANCHES]
            tokens = network.joint_block(blocks, tokens, rows, text, rope)
        return tokens

    start = time.monotonic()
    layers = {k: v.float() for k, v in load_file(root / "layers.safetensors").items()}
    out = network.joint(branches, layers, load_file(root / "input.safetensors"), run_blocks)
    save_file({k: v.contiguous() for k, v in out.items()}, root / "expected.safetensors")
    print(f"PyTorch: {time.monotonic() - start:.1f} s, {torch.get_num_threads()} threads")


def watch(process):
    """Peaks, in MiB, of resident memory and of the part of it that is not the mapped files."""
    peak = {"VmHWM": 0, "RssAnon": 0}
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        for line in status.splitlines():
            key, _, value = line.partition(":")
            if key in peak:
                peak[key] = max(peak[key], int(value.split()[0]) // 1024)
        time.sleep(0.05)
    return peak


def compare(root, vera):
    start, before = time.monotonic(), os.times()
    process = subprocess.Popen([vera, "eval", "transformer", "--model", root, "--in", root / "input.safetensors",
                                "--out", root / "got.safetensors"])
    peak = watch(process)
    took, after = time.monotonic() - start, os.times()
    if process.wait():
        return process.returncode
    got, expected = load_file(root / "got.safetensors"), load_file(root / "expected.safetensors")
    for name, value in expected.items():
        print(f"{name:10} relative error {get_error(got[name], value):.2e}, standard deviation {value.std():.3f}")
    print(f"vera: {took:.1f} s, {after.children_user - before.children_user:.1f} s of processor time; "
          f"peak {peak['VmHWM']} MiB resident, {peak['RssAnon']} MiB without the mapped weights")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("make", "expect", "compare"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("vera", type=pathlib.Path, nargs="?")
    parser.add_argument("--layers", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.action == "make":
        return make(arguments.folder, arguments.layers)
    if arguments.action == "expect":
        return expect(arguments.folder)
    return compare(arguments.folder, arguments.vera)


if __name__ == "__main__":
    raise SystemExit(main())
