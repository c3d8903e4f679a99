#!/usr/bin/env python3
"""Prints what model-bench and torch_bench.py have measured as one table.

Usage: table.py VERA.jsonl TORCH.jsonl. Files that are missing or empty leave their column empty. A rate is a share of the chip's own
matmul (floating point operations) or copy (bytes), measured by PyTorch where it has run, else by us.
"""
import json
import pathlib
import sys

ORDER = ["matmul", "copy", "forward", "attention-joint", "attention-cross", "linear-qkv", "linear-o", "linear-cross", "linear-ffn",
         "norm-modulate", "norm-affine", "norm-rotate", "norm-cross", "join", "residual", "vae-decode", "vae-encode",
         "vae-convolution", "vae-norm", "vae-rest"]
SIDES, STEPS = 2, 50


def read(path):
    rows = {}
    if not pathlib.Path(path).exists():
        return rows
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            if row["mode"] != "choice":
                rows[row["row"], row["mode"]] = row
    return rows


def seconds(rows, name, mode):
    return rows.get((name, mode), {}).get("seconds")


def show(value, scale=1e3, digits=2):
    return f"{value * scale:.{digits}f}" if value is not None else "-"


def main():
    rows = read(sys.argv[1]) | read(sys.argv[2])
    for mode in ("vera", "eager"):
        machine = rows.get(("machine", mode))
        if machine:
            print(f"{mode}: {machine['detail']}")
    matmul = rows.get(("matmul", "eager")) or rows.get(("matmul", "vera"))
    ceiling = matmul["flop"] / matmul["seconds"] if matmul and matmul.get("seconds") else None
    print(f"\n{'row':<18}{'vera ms':>12}{'TFLOP/s':>10}{'of matmul':>11}{'eager ms':>12}{'compiled ms':>13}{'best/vera':>11}")
    for name in ORDER:
        times = [seconds(rows, name, mode) for mode in ("vera", "eager", "compiled")]
        if all(t is None for t in times):
            continue
        flop = rows.get((name, "vera"), {}).get("flop")
        rate = flop / times[0] if flop and times[0] else None
        others = [t for t in times[1:] if t is not None]
        ratio = min(others) / times[0] if others and times[0] else None
        print(f"{name:<18}{show(times[0]):>12}{show(rate, 1e-12, 1):>10}{show(rate / ceiling if rate and ceiling else None, 100, 0):>10}%"
              f"{show(times[1]):>12}{show(times[2]):>13}{show(ratio, 1):>11}")
    copy = rows.get(("copy", "vera"))
    if copy:
        print(f"\ncopy: {copy['bytes'] / copy['seconds'] * 1e-9:.0f} GB/s")
    for mode in ("vera", "eager", "compiled"):
        peak, forward = rows.get(("peak", mode)), seconds(rows, "forward", mode)
        if forward is not None:
            print(f"{mode}: a clip of {STEPS} steps with guidance {forward * SIDES * STEPS:.1f} s without VAE and text"
                  + (f", peak {peak['bytes'] / 2**30:.2f} GiB" if peak else ""))
    for row in rows.values():
        if "skipped" in row:
            print(f"left out: {row['row']} ({row['mode']}): {row['skipped']}")


if __name__ == "__main__":
    main()
