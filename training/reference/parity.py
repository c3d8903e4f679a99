#!/usr/bin/env python3
"""Makes small random models and fixtures from PyTorch, diffusers and transformers, and holds `vera eval` against them.

  parity.py make DIR       write fixtures (models, inputs, expected outputs, manifest.json) below DIR
  parity.py run DIR VERA   run the program over them and print the relative error of each

The joint transformer and the pipeline have no stock implementation; `joint()` and `pipeline()` here are our own, built on the
blocks of diffusers. Weights are drawn so that softmax is peaked and every tensor matters.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

BRANCHES = ("edit", "alpha", "composite")
BRANCH = dict(patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=24, in_channels=4, out_channels=4, text_dim=20,
              freq_dim=32, ffn_dim=56, num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6, rope_max_seq_len=1024)
VAE = dict(base_dim=8, z_dim=4, dim_mult=[1, 2, 3], num_res_blocks=1, attn_scales=[], temperal_downsample=[True, False],
           latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[1.5, 0.7, 1.1, 0.9])
TEXT = dict(vocab_size=900, d_model=20, d_kv=6, num_heads=3, d_ff=36, num_layers=3, feed_forward_proj="gated-gelu")


def randomise(module, seed):
    g = torch.Generator().manual_seed(seed)
    for name, p in module.named_parameters():
        if p.ndim <= 1 or "gamma" in name:
            p.data = torch.randn(p.shape, generator=g) * 0.3 + (1.0 if "norm" in name and "bias" not in name else 0.0)
        else:
            fan = p[0].numel()
            scale = 2.0 if any(k in name for k in ("to_q", "to_k", ".q.", ".k.")) else 1.2
            p.data = torch.randn(p.shape, generator=g) * scale / math.sqrt(fan)
        if "scale_shift_table" in name or "relative_attention_bias" in name or "shared" in name:
            p.data = torch.randn(p.shape, generator=g)
    return module.eval().requires_grad_(False)


def make_modules(seed=1):
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel
    branches = {b: randomise(WanTransformer3DModel(**BRANCH), seed + i) for i, b in enumerate(BRANCHES)}
    vae = randomise(AutoencoderKLWan(**VAE), seed + 10)
    text = randomise(UMT5EncoderModel(UMT5Config(**TEXT, dropout_rate=0.0)), seed + 20)
    g = torch.Generator().manual_seed(seed + 30)
    d, c = 48, 4
    layers = {"source_patch.weight": torch.randn(d, c, 1, 2, 2, generator=g) * 0.3, "source_patch.bias": torch.randn(d, generator=g) * 0.3,
              "mask_patch.weight": torch.randn(d, c, 1, 2, 2, generator=g) * 0.3, "mask_patch.bias": torch.randn(d, generator=g) * 0.3,
              "alpha_embedding": torch.randn(d, generator=g), "composite_embedding": torch.randn(d, generator=g)}
    return branches, vae, text, layers


def joint(branches, layers, latents, source, mask, timestep, text):
    """Velocities of the three branches; text [1, T, text_dim] is padded to 512 rows."""
    text = torch.cat([text, torch.zeros(1, 512 - text.shape[1], text.shape[2])], 1)
    state, shape = {}, latents["edit"].shape
    for b in BRANCHES:
        m = branches[b]
        x = m.patch_embedding(latents[b])
        conv = torch.nn.functional.conv3d
        if b == "alpha":
            x = x + layers["alpha_embedding"].view(1, -1, 1, 1, 1)
            if mask is not None:
                x = x + conv(mask, layers["mask_patch.weight"], layers["mask_patch.bias"], stride=(1, 2, 2))
        if b == "composite":
            x = x + layers["composite_embedding"].view(1, -1, 1, 1, 1) + conv(source, layers["source_patch.weight"], layers["source_patch.bias"], stride=(1, 2, 2))
        temb, tproj, ctx, _ = m.condition_embedder(timestep, text, None)
        state[b] = [x.flatten(2).transpose(1, 2), temb, tproj.unflatten(1, (6, -1)), ctx]
    rope = branches["edit"].rope(latents["edit"])
    cos, sin = rope[0][0, :, 0, 0::2], rope[1][0, :, 0, 1::2]
    heads = BRANCH["num_attention_heads"]

    def rotate(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)

    for i in range(BRANCH["num_layers"]):
        parts, mods = [], {}
        for b in BRANCHES:
            block, (h, _, e, _) = branches[b].blocks[i], state[b]
            mods[b] = (block.scale_shift_table + e).chunk(6, 1)
            u = block.norm1(h) * (1 + mods[b][1]) + mods[b][0]
            a = block.attn1
            split = lambda z: z.unflatten(-1, (heads, -1)).transpose(1, 2)
            parts.append((rotate(split(a.norm_q(a.to_q(u)))), rotate(split(a.norm_k(a.to_k(u)))), split(a.to_v(u))))
        q, k, v = (torch.cat([p[j] for p in parts], 2) for j in range(3))
        o = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2).chunk(3, 1)
        for b, out in zip(BRANCHES, o):
            block = branches[b].blocks[i]
            h, temb, e, ctx = state[b]
            h = h + block.attn1.to_out[0](out) * mods[b][2]
            h = h + block.attn2(block.norm2(h), ctx, None, None)
            u = block.norm3(h) * (1 + mods[b][4]) + mods[b][3]
            state[b][0] = h + block.ffn(u) * mods[b][5]
    out = {}
    for b in BRANCHES:
        m, (h, temb, _, _) = branches[b], state[b]
        shift, scale = (m.scale_shift_table + temb.unsqueeze(1)).chunk(2, 1)
        y = m.proj_out(m.norm_out(h) * (1 + scale) + shift)
        _, z, f, hh, ww = shape
        y = y.view(1, f, hh // 2, ww // 2, 1, 2, 2, z).permute(0, 7, 1, 4, 2, 5, 3, 6)
        out[b] = y.reshape(shape)
    return out


def grid(n, shift):
    """The original Wan grid: spec section 5.2."""
    import numpy as np
    top = float(np.float32(1 - 1 / 1000))
    base = np.linspace(top, 0, n + 1)[:-1]
    sigma = (shift * base / (1 + (shift - 1) * base)).astype(np.float32)
    return [*map(float, sigma), 0.0], [float(int(s * np.float32(1000))) for s in sigma]


class UniPC:
    """Spec section 5.3 in double; order 2, bh2, corrector on."""

    def __init__(self, sigmas):
        self.s, self.m, self.prev, self.order, self.i = sigmas, [], None, 0, 0

    def lam(self, i):
        return math.log(1 - self.s[i]) - math.log(self.s[i]) if self.s[i] > 0 else math.inf

    def step(self, v, x):
        i, s = self.i, self.s
        m = x - s[i] * v
        if i > 0:
            h = self.lam(i) - self.lam(i - 1)
            b, a = math.expm1(-h), 1 - s[i]
            c = s[i] / s[i - 1] * self.prev - a * b * self.m[-1]
            if self.order == 1:
                x = c - a * b * 0.5 * (m - self.m[-1])
            else:
                r = (self.lam(i - 2) - self.lam(i - 1)) / h
                b1, b2 = (b / -h - 1) / b, 2 * ((b / -h - 1) / -h - 0.5) / b
                r1 = (b1 - b2) / (1 - r)
                x = c - a * b * (r1 * (self.m[-2] - self.m[-1]) / r + (b1 - r1) * (m - self.m[-1]))
        self.m = [*self.m[-1:], m]
        self.prev, self.order = x, min(2, len(s) - 1 - i, i + 1)
        h = self.lam(i + 1) - self.lam(i)
        b, a = (math.expm1(-h) if s[i + 1] > 0 else -1.0), 1 - s[i + 1]
        y = s[i + 1] / s[i] * x - a * b * m
        if self.order == 2:
            y = y - a * b * 0.5 * (self.m[-2] - m) / ((self.lam(i - 1) - self.lam(i)) / h)
        self.i += 1
        return y


def solve(solver, sigmas):
    if solver == "unipc":
        return UniPC(sigmas).step
    at = iter(range(len(sigmas)))

    def euler(v, x):
        i = next(at)
        return x + (sigmas[i + 1] - sigmas[i]) * v
    return euler


def encode(vae, video):
    mean = torch.tensor(VAE["latents_mean"]).view(1, -1, 1, 1, 1)
    std = torch.tensor(VAE["latents_std"]).view(1, -1, 1, 1, 1)
    return (vae.encode(video).latent_dist.mode() - mean) / std


def decode(vae, z):
    mean = torch.tensor(VAE["latents_mean"]).view(1, -1, 1, 1, 1)
    std = torch.tensor(VAE["latents_std"]).view(1, -1, 1, 1, 1)
    return vae.decode(z * std + mean).sample.clamp(-1, 1)


def pipeline(modules, inputs, steps, guidance, shift, solver):
    branches, vae, text, layers = modules
    source = encode(vae, inputs["source_video"])
    mask = encode(vae, inputs["mask_video"]) if "mask_video" in inputs else None
    rows = {}
    for name, ids, m in (("yes", "input_ids", "attention_mask"), ("no", "negative_ids", "negative_mask")):
        n = int(inputs[m].sum())
        rows[name] = text(inputs[ids][:, :n], attention_mask=inputs[m][:, :n]).last_hidden_state
    x = {b: inputs[f"noise_{b}"] for b in BRANCHES}
    sigmas, taus = grid(steps, shift)
    solvers = {b: solve(solver, sigmas) for b in BRANCHES}
    for tau in taus:
        v = joint(branches, layers, x, source, mask, torch.tensor([tau]), rows["yes"])
        if guidance > 1:
            u = joint(branches, layers, x, source, mask, torch.tensor([tau]), rows["no"])
            v = {b: u[b] + guidance * (v[b] - u[b]) for b in BRANCHES}
        x = {b: solvers[b](v[b].double(), x[b].double()).float() for b in BRANCHES}
    out = {b: decode(vae, x[b]) for b in BRANCHES}
    return {"edit": out["edit"], "composite": out["composite"], "alpha": ((out["alpha"].mean(1, keepdim=True) + 1) / 2).clamp(0, 1)}


def write_model(root, modules, dtype):
    branches, vae, text, layers = modules
    cast = lambda d: {k: v.to(dtype).contiguous() for k, v in d.items()}
    root.mkdir(parents=True)
    index = {"_class_name": "VeraPipeline", "vera_format": 1, "name": "parity", "trained": False,
             "native": {"width": 16, "height": 16, "frames": 5, "fps": 16}, "defaults": {"steps": 4, "guidance": 5.0, "shift": 3.0, "negative_prompt": ""}}
    (root / "model_index.json").write_text(json.dumps(index))
    parts = {f"branches/{b}": (m.state_dict(), BRANCH, "diffusion_pytorch_model") for b, m in branches.items()}
    parts["vae"] = (vae.state_dict(), VAE, "diffusion_pytorch_model")
    parts["text_encoder"] = ({k: v for k, v in text.state_dict().items() if k != "encoder.embed_tokens.weight"}, TEXT, "model")
    for name, (state, config, stem) in parts.items():
        (root / name).mkdir(parents=True)
        (root / name / "config.json").write_text(json.dumps(config))
        save_file(cast(state), root / name / f"{stem}.safetensors")
    save_file(cast(layers), root / "layers.safetensors")
    (root / "tokenizer").mkdir()
    spiece = pathlib.Path(__file__).parents[2] / "data/models/vera-small/tokenizer/spiece.model"
    (root / "tokenizer/spiece.model").write_bytes(spiece.read_bytes())
    (root / "scheduler").mkdir()
    (root / "scheduler/scheduler_config.json").write_text(json.dumps({"flow_shift": 3.0, "num_train_timesteps": 1000}))


def rounded(modules, dtype):
    for m in (*modules[0].values(), modules[1], modules[2]):
        for p in m.parameters():
            p.data = p.data.to(dtype).float()
    for k in modules[3]:
        modules[3][k] = modules[3][k].to(dtype).float()
    return modules


class Maker:
    def __init__(self, root):
        self.root, self.cases, self.random = pathlib.Path(root), [], torch.Generator().manual_seed(99)

    def randn(self, *shape):
        return torch.randn(shape, generator=self.random)

    def add(self, module, model, inputs, outputs, *args, tolerance=1e-4):
        name = f"{module}-{len(self.cases)}"
        save_file({k: v.contiguous() for k, v in inputs.items()}, self.root / f"{name}.in.safetensors")
        save_file({k: v.float().contiguous() for k, v in outputs.items()}, self.root / f"{name}.out.safetensors")
        self.cases.append(dict(name=name, module=module, model=model, args=list(map(str, args)), tolerance=tolerance))


@torch.no_grad()
def make(root):
    maker = Maker(root)
    maker.root.mkdir(parents=True, exist_ok=True)
    for model, dtype in (("model-f32", torch.float32), ("model-bf16", torch.bfloat16)):
        modules = rounded(make_modules(), dtype)
        branches, vae, text, layers = modules
        write_model(maker.root / model, modules, dtype)
        for n, masked in ((1, 1), (7, 7), (12, 5)):
            ids = torch.randint(2, 900, (1, n), generator=maker.random)
            mask = (torch.arange(n)[None] < masked).long()
            hidden = text(ids, attention_mask=mask).last_hidden_state * mask[..., None]
            maker.add("text-encoder", model, {"input_ids": ids, "attention_mask": mask}, {"hidden": hidden})
        for f, h, w in ((1, 8, 8), (5, 12, 20), (9, 8, 4)) if model == "model-f32" else ((5, 8, 12),):
            video = maker.randn(1, 3, f, h, w).tanh()
            maker.add("vae-encode", model, {"video": video}, {"latents": encode(vae, video)})
            z = maker.randn(1, 4, (f - 1) // 2 + 1, h // 4, w // 4)
            maker.add("vae-decode", model, {"latents": z}, {"video": decode(vae, z)})
        for f, h, w, t in ((1, 2, 2, 1), (2, 6, 10, 5), (3, 4, 6, 512)):
            z, tau, rows = maker.randn(1, 4, f, h, w), torch.tensor([float(937 - 300 * f)]), maker.randn(1, t, 20)
            padded = torch.cat([rows, torch.zeros(1, 512 - t, 20)], 1)
            for b in BRANCHES[: f]:
                maker.add("branch", model, {"latents": z, "timestep": tau, "text": rows},
                          {"velocity": branches[b](z, tau, padded).sample}, "--branch", b)
            x = {b: maker.randn(1, 4, f, h, w) for b in BRANCHES}
            source, mask = maker.randn(1, 4, f, h, w), maker.randn(1, 4, f, h, w)
            for m in (None, mask):
                inputs = dict(x, source=source, timestep=tau, text=rows, **({} if m is None else {"mask": m}))
                maker.add("transformer", model, inputs, joint(branches, layers, x, source, m, tau, rows))
        for steps, guidance, solver, has_mask in ((4, 5.0, "unipc", True), (10, 1.0, "unipc", False), (3, 2.0, "euler", True)):
            inputs = {"source_video": maker.randn(1, 3, 5, 8, 16).tanh(), "input_ids": torch.tensor([[5, 9, 30, 1, 0]]),
                      "attention_mask": torch.tensor([[1, 1, 1, 1, 0]]), "negative_ids": torch.tensor([[1, 0]]), "negative_mask": torch.tensor([[1, 0]])}
            if has_mask:
                inputs["mask_video"] = (maker.randn(1, 1, 5, 8, 16) > 0).float().expand(-1, 3, -1, -1, -1) * 2 - 1
            for b in BRANCHES:
                inputs[f"noise_{b}"] = maker.randn(1, 4, 3, 2, 4)
            maker.add("pipeline", model, inputs, pipeline(modules, inputs, steps, guidance, 3.0, solver), "--steps", steps, "--guidance", guidance,
                      "--shift", 3, "--solver", solver, tolerance=1e-3)
    for solver in ("unipc", "euler"):
        for steps, shift in ((1, 3), (2, 1), (4, 5), (10, 8), (50, 3)):
            x, v = maker.randn(2, 5), maker.randn(steps, 2, 5)
            sigmas, taus = grid(steps, shift)
            take, trace = solve(solver, sigmas), [x.double()]
            for i in range(steps):
                trace.append(take(v[i].double(), trace[-1]))
            maker.add("sampler", "model-f32", {"sample": x, "velocity": v},
                      {"trajectory": torch.stack(trace), "timesteps": torch.tensor(taus), "sigmas": torch.tensor(sigmas)},
                      "--steps", steps, "--shift", shift, "--solver", solver)
    (maker.root / "manifest.json").write_text(json.dumps(maker.cases, indent=1))


def run(root, vera):
    root, failed = pathlib.Path(root), 0
    with tempfile.TemporaryDirectory() as tmp:
        for case in json.loads((root / "manifest.json").read_text()):
            out = pathlib.Path(tmp) / "out.safetensors"
            out.unlink(missing_ok=True)
            r = subprocess.run([vera, "eval", case["module"], "--model", root / case["model"], "--in", root / f"{case['name']}.in.safetensors",
                                "--out", out, *case["args"]], capture_output=True, text=True)
            worst, want = math.inf, load_file(root / f"{case['name']}.out.safetensors")
            if r.returncode == 0:
                got = load_file(out)
                worst = max(float((got[k] - w).norm() / w.norm().clamp(min=1e-30)) if got[k].shape == w.shape else math.inf for k, w in want.items())
            failed += not worst < case["tolerance"]
            print(f"{case['name']:20} {worst:.2e} {'ok' if worst < case['tolerance'] else 'FAILED ' + r.stderr.strip()}")
    print(f"{failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        sys.exit(1 if run(sys.argv[2], sys.argv[3]) else 0)
