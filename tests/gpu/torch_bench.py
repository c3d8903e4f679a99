#!/usr/bin/env python3
"""Times Vera-1.3B's network in PyTorch: what an ordinary fast implementation of it does on this machine.

Three branches of Wan2.1-1.3B's shape, joined in one self-attention, random weights: bf16 matrices, F32 residual stream, norms and
modulation, as our engine has them. Prints one JSON object a line:

  {"row": "attention-joint", "mode": "eager", "seconds": 1.0, "flop": 6.8e14, "detail": "cudnn", ...}

Rows: forward (all layers and heads of one side of guidance), its parts by operator (seconds and floating point operations of all
calls in a forward), attention-joint once for every implementation that runs (mode "choice"), matmul and copy (the chip's ceilings;
copy has "bytes" in place of "flop"), agreement (the largest difference between modes, relative to the largest value), peak (bytes in
place of seconds), vae-encode (F32), vae-decode (bf16). A row that could not be had says why in "skipped".

Needs nothing but torch; the VAE also diffusers. --tiny is a network of a few thousand weights, for a test of this program.
"""
import argparse
import contextlib
import dataclasses
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F

BRANCHES = 3


@dataclasses.dataclass
class Shape:
    width: int
    height: int
    frames: int
    layers: int
    heads: int = 12
    head_dim: int = 128
    ffn: int = 8960
    text_rows: int = 512
    channels: int = 16
    vae_base: int = 96

    @property
    def dim(self):
        return self.heads * self.head_dim

    @property
    def grid(self):
        return (self.frames - 1) // 4 + 1, self.height // 16, self.width // 16

    @property
    def tokens(self):
        f, h, w = self.grid
        return f * h * w


class Clock:
    """Median seconds of a call, the device's own work included."""

    def __init__(self, device, repeats):
        self.device, self.repeats = device, repeats

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def __call__(self, run, *arguments):
        run(*arguments)
        times = []
        for _ in range(self.repeats):
            self.wait()
            start = time.perf_counter()
            run(*arguments)
            self.wait()
            times.append(time.perf_counter() - start)
        return statistics.median(times)


def draw(generator, *shape, scale=None, dtype=torch.bfloat16):
    scale = scale if scale is not None else 1 / math.sqrt(shape[-1])
    return (torch.randn(shape, generator=generator, device=generator.device) * scale).to(dtype)


def make_block(s, generator):
    """Weights of one block of one branch."""
    d, f32 = s.dim, torch.float32
    w = {name: draw(generator, d, d) for name in ("q", "k", "v", "o", "cross_q", "cross_o")}
    w |= {"up": draw(generator, s.ffn, d), "down": draw(generator, d, s.ffn)}
    w |= {f"{name}_bias": draw(generator, n, scale=0.02) for name, n in
          [(name, d) for name in ("q", "k", "v", "o", "cross_q", "cross_o", "down")] + [("up", s.ffn)]}
    w |= {name: 1 + draw(generator, d, scale=0.1, dtype=f32) for name in ("norm_q", "norm_k", "norm_cross_q", "norm_weight")}
    w |= {"norm_bias": draw(generator, d, scale=0.1, dtype=f32), "table": draw(generator, 6, d, scale=0.1, dtype=f32)}
    # Keys and values of the prompt are made once a clip, not once a forward.
    w |= {"text_k": draw(generator, 1, s.heads, s.text_rows, s.head_dim, scale=1.0),
          "text_v": draw(generator, 1, s.heads, s.text_rows, s.head_dim, scale=1.0)}
    return w


def make_rope(s, device):
    """Cosines and sines [N, head_dim / 2] over frames, rows and columns."""
    quarter = s.head_dim // 6
    sizes = (s.head_dim // 2 - 2 * quarter, quarter, quarter)
    parts = []
    for axis, (length, size) in enumerate(zip(s.grid, sizes)):
        angles = torch.arange(length, dtype=torch.float64)[:, None] * 10000.0 ** (-torch.arange(size, dtype=torch.float64) / size)
        view = [1, 1, 1, size]
        view[axis] = length
        parts.append(angles.view(view).expand(*s.grid, size))
    angles = torch.cat(parts, -1).reshape(s.tokens, -1)
    return angles.cos().float().to(device), angles.sin().float().to(device)


def norm_modulate(x, shift, scale):
    return (F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift).to(torch.bfloat16)


def norm_rotate(x, weight, rope, heads):
    """RMS norm over the whole width, then pairs of every head turned; [N, d] -> [N, heads, head_dim]."""
    x = x.float()
    x = (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight).unflatten(-1, (heads, -1))
    if rope is None:
        return x.to(torch.bfloat16)
    cos, sin = rope[0][:, None], rope[1][:, None]
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(torch.bfloat16)


def linear(x, w, name):
    return F.linear(x, w[name], w[f"{name}_bias"])


def before(x, w, rope, heads):
    """A branch's queries, keys and values, [N, heads, head_dim] each."""
    u = norm_modulate(x, w["table"][0], w["table"][1])
    return (norm_rotate(linear(u, w, "q"), w["norm_q"], rope, heads), norm_rotate(linear(u, w, "k"), w["norm_k"], rope, heads),
            linear(u, w, "v").unflatten(-1, (heads, -1)))


def attend(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def feed_forward(u, w):
    return linear(F.gelu(linear(u, w, "up"), approximate="tanh"), w, "down")


def norm_affine(x, w):
    return F.layer_norm(x, x.shape[-1:], w["norm_weight"], w["norm_bias"], 1e-6).to(torch.bfloat16)


def after(x, mixed, w, heads):
    """The rest of a block: a branch's part of the joint attention [N, d] into its residual stream, the prompt, the feed-forward layer."""
    x = x + linear(mixed, w, "o").float() * w["table"][2]
    q = norm_rotate(linear(norm_affine(x, w), w, "cross_q"), w["norm_cross_q"], None, heads).transpose(0, 1)[None]
    text = attend(q, w["text_k"], w["text_v"])[0].transpose(0, 1).flatten(1)
    x = x + linear(text, w, "cross_o").float()
    return x + feed_forward(norm_modulate(x, w["table"][3], w["table"][4]), w).float() * w["table"][5]


class Network:
    def __init__(self, s, device, compiled):
        generator = torch.Generator(device).manual_seed(1)
        self.s, self.rope = s, make_rope(s, device)
        self.blocks = [[make_block(s, generator) for _ in range(BRANCHES)] for _ in range(s.layers)]
        self.patch = draw(generator, s.dim, s.channels * 4, dtype=torch.float32)
        self.head = draw(generator, s.channels * 4, s.dim, dtype=torch.float32)
        self.before, self.after = before, after
        if compiled:
            self.before, self.after = torch.compile(before), torch.compile(after)

    def __call__(self, patches):
        """patches: [N, channels * 4] of each branch -> the same of its velocity."""
        heads = self.s.heads
        streams = [F.linear(p, self.patch) for p in patches]
        for blocks in self.blocks:
            parts = [self.before(x, w, self.rope, heads) for x, w in zip(streams, blocks)]
            q, k, v = (torch.cat(each).transpose(0, 1)[None] for each in zip(*parts))
            mixed = attend(q, k, v)[0].transpose(0, 1).flatten(1)
            streams = [self.after(x, m, w, heads) for x, m, w in zip(streams, mixed.chunk(BRANCHES), blocks)]
        return [F.linear(F.layer_norm(x, x.shape[-1:], eps=1e-6), self.head) for x in streams]


def get_backends(device):
    """Implementations of attention by name, as contexts."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    names = {"math": "MATH"} if device.type == "cpu" else {}
    names |= {"flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION", "efficient": "EFFICIENT_ATTENTION"}
    return {name: (lambda b=getattr(SDPBackend, member): sdpa_kernel(b))
            for name, member in names.items() if hasattr(SDPBackend, member)}


def choose_attention(s, device, clock, say):
    """The fastest implementation for the joint shape. Heads are independent, so one is enough to choose by."""
    generator = torch.Generator(device).manual_seed(2)
    q = draw(generator, 1, 1, BRANCHES * s.tokens, s.head_dim, scale=1.0)
    best = None
    for name, context in get_backends(device).items():
        try:
            with context():
                seconds = clock(attend, q, q, q)
        except RuntimeError as error:
            say("attention-joint", "choice", detail=name, skipped=str(error).split("\n")[0][:120])
            continue
        say("attention-joint", "choice", seconds, 4 * q.shape[2] ** 2 * s.head_dim, detail=name)
        if best is None or seconds < best[0]:
            best = seconds, name, context
    if best is None:
        return "default", contextlib.nullcontext
    return best[1:]


def get_parts(s, network, x):
    """Operators of a forward: name -> (function, arguments, calls in a forward, floating point operations of a call)."""
    w, n, d, total = network.blocks[0][0], s.tokens, s.dim, BRANCHES * s.tokens
    calls, u = BRANCHES * s.layers, x.to(torch.bfloat16)
    q = u.unflatten(-1, (s.heads, -1)).transpose(0, 1)[None]
    joint = torch.cat([q] * BRANCHES, 2)
    return {
        "norm-modulate": (norm_modulate, (x, w["table"][0], w["table"][1]), 2 * calls, 0),
        "norm-affine": (norm_affine, (x, w), calls, 0),
        "linear-qkv": (lambda: [linear(u, w, name) for name in ("q", "k", "v")], (), calls, 6 * n * d * d),
        "norm-rotate": (norm_rotate, (u, w["norm_q"], network.rope, s.heads), 2 * calls, 0),
        "norm-cross": (norm_rotate, (u, w["norm_cross_q"], None, s.heads), calls, 0),
        "join": (lambda: [torch.cat([u] * BRANCHES) for _ in range(3)], (), s.layers, 0),
        "attention-joint": (attend, (joint, joint, joint), s.layers, 4 * total * total * d),
        "linear-o": (linear, (u, w, "o"), calls, 2 * n * d * d),
        "linear-cross": (lambda: [linear(u, w, name) for name in ("cross_q", "cross_o")], (), calls, 4 * n * d * d),
        "attention-cross": (attend, (q, w["text_k"], w["text_v"]), calls, 4 * n * s.text_rows * d),
        "linear-ffn": (feed_forward, (u, w), calls, 4 * n * d * s.ffn),
        "residual": (lambda x, y, gate: x + y.float() * gate, (x, u, w["table"][2]), 3 * calls, 0),
    }


def time_parts(s, network, clock, mode, detail, say):
    parts = get_parts(s, network, draw(torch.Generator(network.patch.device).manual_seed(3), s.tokens, s.dim, scale=1.0, dtype=torch.float32))
    for name, (run, arguments, calls, flop) in parts.items():
        if mode == "compiled" and not name.startswith("attention"):
            run = torch.compile(run)
        say(name, mode, clock(run, *arguments) * calls, flop * calls, calls=calls, detail=detail if name == "attention-joint" else None)


def time_forward(s, device, clock, arguments, say):
    name, context = choose_attention(s, device, clock, say)
    generator = torch.Generator(device).manual_seed(4)
    patches = [draw(generator, s.tokens, s.channels * 4, scale=1.0, dtype=torch.float32) for _ in range(BRANCHES)]
    results = {}
    for mode in ("eager", "compiled"):
        if mode == "compiled" and arguments.skip_compile:
            say("forward", mode, skipped="not asked for")
            continue
        try:
            network = Network(s, device, mode == "compiled")
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            with context():
                flop = sum(calls * each for _, _, calls, each in get_parts(s, network, torch.zeros(s.tokens, s.dim, device=device)).values())
                say("forward", mode, clock(lambda: results.__setitem__(mode, network(patches))), flop, detail=name)
                if device.type == "cuda":
                    say("peak", mode, bytes=torch.cuda.max_memory_allocated())
                time_parts(s, network, clock, mode, name, say)
        except RuntimeError as error:
            say("forward", mode, skipped=str(error).split("\n")[0][:120])
        del network
        torch.compiler.reset()
    if len(results) == 2:
        a, b = (torch.cat(results[mode]) for mode in ("eager", "compiled"))
        say("agreement", "compiled", difference=((a - b).abs().max() / a.abs().max()).item())


def time_ceilings(s, device, clock, say):
    generator = torch.Generator(device).manual_seed(5)
    n = 256 if s.dim < 1024 else 8192
    a, b = draw(generator, n, n), draw(generator, n, n)
    say("matmul", "eager", clock(torch.matmul, a, b), 2 * n**3)
    source = torch.empty(2**20 if s.dim < 1024 else 2**30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    say("copy", "eager", clock(target.copy_, source), bytes=2 * source.numel())


def time_vae(s, device, clock, say):
    try:
        from diffusers import AutoencoderKLWan
    except ImportError:
        for row in ("vae-encode", "vae-decode"):
            say(row, "eager", skipped="diffusers is not installed")
        return
    torch.manual_seed(6)
    vae = AutoencoderKLWan(base_dim=s.vae_base, z_dim=s.channels).to(device).eval()
    video = torch.rand(1, 3, s.frames, s.height, s.width, device=device) * 2 - 1
    say("vae-encode", "eager", clock(lambda: vae.encode(video)), detail="float32")
    vae = vae.to(torch.bfloat16)
    f = s.grid[0]
    latent = torch.randn(1, s.channels, f, s.height // 8, s.width // 8, device=device, dtype=torch.bfloat16)
    say("vae-decode", "eager", clock(lambda: vae.decode(latent)), detail="bfloat16")


def say(row, mode, seconds=None, flop=None, **rest):
    line = {"row": row, "mode": mode, "seconds": seconds, "flop": flop or None} | rest
    print(json.dumps({key: value for key, value in line.items() if value is not None}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--size", default="832x480", help="width and height")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-compile", action="store_true")
    parser.add_argument("--skip-vae", action="store_true")
    arguments = parser.parse_args()
    width, height = (int(n) for n in arguments.size.split("x"))
    s = Shape(width, height, arguments.frames, arguments.layers)
    if arguments.tiny:
        s = Shape(64, 32, 5, 2, heads=2, head_dim=16, ffn=48, text_rows=7, channels=4, vae_base=8)
    device = torch.device(arguments.device)
    clock = Clock(device, arguments.repeats)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    say("machine", "eager", detail=f"{name}, PyTorch {torch.__version__}", tokens=s.tokens, layers=s.layers)
    with torch.inference_mode():
        time_ceilings(s, device, clock, say)
        time_forward(s, device, clock, arguments, say)
        if not arguments.skip_vae:
            time_vae(s, device, clock, say)


if __name__ == "__main__":
    main()
