#!/usr/bin/env python3
"""torch_bench.py on a network of a few thousand weights: every row is there, and says what it should. Exit 77 without PyTorch.

VERA_PYTHON names the Python that has it.
"""
import json
import os
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).with_name("torch_bench.py")
PARTS = {"norm-modulate", "norm-affine", "linear-qkv", "norm-rotate", "norm-cross", "join", "attention-joint", "linear-o", "linear-cross",
         "attention-cross", "linear-ffn", "residual"}
# A change in one branch shows in the others; a rotation keeps lengths and leaves only the first token alone.
CHECK = """
import dataclasses, sys, torch
sys.path.insert(0, {folder!r})
import torch_bench as b
s = b.Shape(64, 32, 5, 2, heads=2, head_dim=16, ffn=48, text_rows=7, channels=4)
n = b.Network(s, torch.device("cpu"), False)
x = [torch.randn(s.tokens, 16) for _ in range(3)]
with torch.inference_mode():
    before, after = n(x), n([x[0] * 2, *x[1:]])
assert all(t.shape == (16, 16) and t.isfinite().all() for t in before)
assert (before[2] - after[2]).abs().max() > 1e-3, "branches do not see one another"
q = torch.randn(s.tokens, 32)
turned, plain = (b.norm_rotate(q, torch.ones(32), rope, 2).float() for rope in (n.rope, None))
assert torch.allclose(turned.square().sum(-1), plain.square().sum(-1), rtol=0.03)
assert torch.equal(turned[0], plain[0]) and all((turned[i] - plain[i]).abs().max() > 0.01 for i in range(1, s.tokens))
full = b.Shape(832, 480, 49, 30)
assert full.tokens == 20280 and full.dim == 1536, "not the shapes of Vera-1.3B"
"""


def main():
    python = os.environ.get("VERA_PYTHON", sys.executable)
    environment = dict(os.environ, OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
    if subprocess.run([python, "-c", "import torch"], capture_output=True, env=environment).returncode != 0:
        print("PyTorch is not installed; VERA_PYTHON names another Python")
        return 77
    subprocess.run([python, "-c", CHECK.format(folder=str(SCRIPT.parent))], check=True, env=environment)
    out = subprocess.run([python, SCRIPT, "--tiny", "--repeats", "1", "--skip-compile", "--skip-vae", "--device", "cpu"], check=True,
                         capture_output=True, text=True, env=environment).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    eager = {line["row"]: line for line in lines if line["mode"] == "eager"}
    expected = PARTS | {"machine", "matmul", "copy", "forward"}
    assert expected <= set(eager), expected - set(eager)
    assert all(eager[row]["seconds"] > 0 for row in PARTS | {"forward", "matmul", "copy"})
    # 48 joined tokens of 32 channels in two layers, 4 operations for each pair and channel.
    assert eager["attention-joint"]["flop"] == 4 * 48 * 48 * 32 * 2, eager["attention-joint"]
    assert eager["forward"]["flop"] == sum(eager[row].get("flop", 0) for row in PARTS)
    assert any(line["mode"] == "choice" and line.get("seconds", 0) > 0 for line in lines), "no attention was tried"
    assert any(line["row"] == "forward" and line["mode"] == "compiled" and line["skipped"] for line in lines)
    print(f"{len(lines)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
