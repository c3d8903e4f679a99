#!/usr/bin/env python3
"""Times Vera beside PyTorch and diffusers: the same weights, precision and number of threads, in turns on the same machine.

Usage: bench-torch.py VERA [--pairs N] [--vae-size WxH] [--work DIR] [--json FILE] [CASE...]
Cases: vae-decode-f32, vae-decode-bf16, block-f32, block-bf16 (default: all).

Each pair is one run of ours and one of PyTorch's, right after each other, the order changing from pair to pair; the first pair warms
both up and is not counted. A ratio is our time divided by PyTorch's of the same pair: below 1 we are faster. What else the machine
does at the time shows in the spread, and the ratio of processor time, which waiting for a busy processor does not change.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch
from safetensors.torch import load_file

CASES = ("block-bf16", "block-f32", "vae-decode-bf16", "vae-decode-f32")
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class Ours:
    """`vera bench` of one case, a run whenever asked."""

    def __init__(self, program, case, work, size):
        part, dtype = case.split("-")[0], case.rsplit("-", 1)[1]
        self.process = subprocess.Popen(
            [program, "bench", part, "--dtype", dtype, "--paced", "--work", work, "--vae-size", size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"vera bench stopped with exit code {self.process.wait()}")
        result = json.loads(line)
        return result["seconds"], result["cpu_seconds"], result["peak_bytes"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def get_peak():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class Theirs:
    """The same computation by diffusers."""

    def __init__(self, case, work, size):
        self.dtype = DTYPES[case.rsplit("-", 1)[1]]
        root = pathlib.Path(work) / "wan-synthetic"
        make = self.make_vae if case.startswith("vae") else self.make_block
        self.call = make(root, size)
        pathlib.Path("/proc/self/clear_refs").write_text("5")

    def load(self, module, folder):
        state = load_file(folder / "diffusion_pytorch_model.safetensors")
        module.load_state_dict({k: v.to(self.dtype) for k, v in state.items()}, assign=True)
        return module.eval().requires_grad_(False)

    def make_vae(self, root, size):
        from diffusers import AutoencoderKLWan
        with torch.device("meta"):
            vae = AutoencoderKLWan.from_config(json.loads((root / "vae/config.json").read_text()))
        vae = self.load(vae, root / "vae")
        width, height = (int(n) for n in size.split("x"))
        latents = torch.randn(1, 16, 2, height // 8, width // 8).to(self.dtype)
        return lambda: vae.decode(latents).sample

    def make_block(self, root, size):
        from diffusers import WanTransformer3DModel
        config = json.loads((root / "branches/edit/config.json").read_text())
        with torch.device("meta"):
            model = WanTransformer3DModel.from_config(config)
        rope = WanTransformer3DModel.from_config({**config, "num_layers": 0}).rope
        model = self.load(model, root / "branches/edit")
        block, dim = model.blocks[0], config["num_attention_heads"] * config["attention_head_dim"]
        tokens = torch.randn(1, 2000, dim).to(self.dtype)
        text = torch.randn(1, 512, dim).to(self.dtype)
        rows = torch.randn(1, 6, dim).to(self.dtype)
        angles = rope(torch.zeros(1, 16, 5, 40, 40))
        return lambda: block(tokens, text, rows, angles)

    @torch.no_grad()
    def run(self):
        wall, cpu = time.perf_counter(), time.process_time()
        self.call()
        return time.perf_counter() - wall, time.process_time() - cpu, get_peak()


def run_case(program, case, work, size, n_pairs):
    ours = Ours(program, case, work, size)
    ours.run()
    theirs = Theirs(case, work, size)
    theirs.run()
    pairs = []
    for i in range(n_pairs):
        order = (ours, theirs) if i % 2 == 0 else (theirs, ours)
        times = {id(side): side.run() for side in order}
        pairs.append((times[id(ours)], times[id(theirs)]))
    ours.close()
    return pairs


def show_range(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def report(case, pairs):
    columns = [show_range([pair[side][0] for pair in pairs], ".2f") for side in (0, 1)]
    columns += [show_range([ours[i] / theirs[i] for ours, theirs in pairs], ".2f") for i in (0, 1)]
    columns += ["/".join(f"{max(pair[side][2] for pair in pairs) / 2**20:.0f}" for side in (0, 1))]
    print(f"{case:16} " + " ".join(f"{c:>22}" for c in columns), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--vae-size", default="832x480")
    parser.add_argument("--work")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(CASES)
    if unknown or arguments.pairs < 1:
        parser.error(f"no such case: {', '.join(sorted(unknown))}" if unknown else "--pairs takes 1 or more")
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {arguments.pairs} pairs, load average "
          f"{os.getloadavg()[0]:.1f}, VAE at {arguments.vae_size}; median (least-most)")
    print(f"{'':16} " + " ".join(f"{c:>22}" for c in ("ours s", "PyTorch s", "ratio of time", "ratio of cpu time",
                                                     "peak MiB, ours/theirs")))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases or CASES:
            results[case] = run_case(arguments.program, case, arguments.work or folder, arguments.vae_size,
                                     arguments.pairs)
            report(case, results[case])
    if arguments.json:
        arguments.json.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
