#!/usr/bin/env python3
"""Writes the parity fixtures: small random checkpoints, inputs, and what PyTorch makes of them.

  make_fixtures.py DIR     DIR is replaced; tests/golden in the tree was made so

Cases are listed in DIR/manifest.json, texts and their ids in DIR/tokenizer.json. Same versions of the
libraries, same bytes. Needs torch, diffusers, transformers, safetensors, sentencepiece and ftfy.
"""
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file

sys.path.append(str(pathlib.Path(__file__).parent.parent))
import network
import tokens
from checkpoint import (WAN_MEAN, WAN_STD, Form, branch_config, make_branch, make_model, text_config,
                        randomise, vae_config, write_index, write_json, write_layers, write_part)
from network import BRANCHES
from sampling import grid, make_solver
from vera_training.snapper import INPUTS, Snapper

# The whole model: every part, two heads of 24 (time 8, height 8, width 8).
JOINT = {
    "branch": branch_config(heads=2, head_dim=24, layers=2, channels=4, text_dim=20, ffn_dim=56),
    "vae": vae_config(8, [1, 2, 2], 1, [False, True], [0.1, -0.2, 0.3, 0.05], [1.5, 0.7, 1.1, 0.9]),
    "text": text_config(vocab=640, width=20, heads=3, head_dim=6, ffn_dim=36, layers=3),
}
# The same under the original names, sharded, in 16 and 8 bits, with the VAE's shape of Wan.
MIXED = {
    "branch": branch_config(heads=1, head_dim=48, layers=3, channels=16, text_dim=24, ffn_dim=80),
    "vae": vae_config(4, [1, 2, 4, 4], 2, [False, True, True], WAN_MEAN, WAN_STD),
    "text": text_config(vocab=300, width=24, heads=2, head_dim=8, ffn_dim=40, layers=3),
}
MIXED_FORMS = {
    "branches/edit": Form("BF16", original_names=True, n_shards=3),
    "branches/alpha": Form("F16", original_names=True, prefix="model.diffusion_model."),
    "branches/composite": Form("F8_E4M3", n_shards=2),
    "vae": Form("F16", original_names=True),
    "text_encoder": Form("BF16", original_names=True, n_shards=2),
}
# Heads of the sizes of Wan and between, one branch each.
SINGLES = {
    "model-head-64": (branch_config(heads=1, head_dim=64, layers=2, channels=4, text_dim=12, ffn_dim=64),
                Form("F16")),
    "model-head-128": (branch_config(heads=1, head_dim=128, layers=2, channels=4, text_dim=12, ffn_dim=96),
                 Form("F8_E4M3", original_names=True)),
}
SHAPES = ((1, 2, 2, 1), (2, 6, 10, 5), (3, 4, 6, 512), (1, 4, 4, 64))  # latent frames, height, width; rows of text
SCHEDULES = ((1, 3), (2, 1), (4, 5), (10, 3), (10, 8), (50, 1), (50, 3), (50, 5))


# Sides of four are enough for it.
SNAPPER = {"_class_name": "VeraSnapper", "channels": [4, 6, 8], "middle_blocks": 1, "frame_step": 2, "rounds": 2}


class Maker:
    def __init__(self, root):
        self.root, self.cases, self.generator = root, [], torch.Generator().manual_seed(99)

    def randn(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def video(self, frames, height, width):
        return self.randn(1, 3, frames, height, width).mul(0.7).clamp(-1, 1)

    def save_input(self, name, tensors):
        save_file({k: v.contiguous() for k, v in tensors.items()}, self.root / f"{name}.in.safetensors")
        return f"{name}.in.safetensors"

    def add(self, name, module, model, inputs, outputs, *arguments, tolerance=1e-4):
        """inputs: tensors, or the name of a file that save_input() wrote."""
        name = name.replace("model-", "")
        if not isinstance(inputs, str):
            inputs = self.save_input(name, inputs)
        for key, value in outputs.items():
            if not value.isfinite().all() or value.numel() > 1 and value.float().std() == 0:
                raise SystemExit(f"{name}: {key} is not finite, or constant")
        save_file({k: v.float().contiguous() for k, v in outputs.items()},
                  self.root / f"{name}.out.safetensors")
        self.cases.append({"name": name, "module": module, "model": model, "in": inputs,
                           "expected": f"{name}.out.safetensors", "args": list(map(str, arguments)),
                           "tolerance": tolerance})


def add_text(maker, name, text_encoder, lengths):
    for n, n_masked in lengths:
        ids = torch.randint(0, text_encoder.config.vocab_size, (1, n), generator=maker.generator)
        mask = (torch.arange(n)[None] < n_masked).long()
        maker.add(f"text-{name}-{n_masked}of{n}", "text-encoder", name,
                  {"input_ids": ids, "attention_mask": mask},
                  {"hidden": network.encode_text(text_encoder, ids, mask)})


def add_vae(maker, name, vae, sizes):
    for frames, height, width in sizes:
        size = f"{name}-{frames}x{height}x{width}"
        video = maker.video(frames, height, width)
        latents = network.encode(vae, video)
        maker.add(f"encode-{size}", "vae-encode", name, {"video": video}, {"latents": latents})
        latents = maker.randn(*latents.shape)
        maker.add(f"decode-{size}", "vae-decode", name, {"latents": latents},
                  {"video": network.decode(vae, latents)})


def make_branch_input(maker, config, shape, timestep):
    f, h, w, rows = shape
    return {"latents": maker.randn(1, config["in_channels"], f, h, w), "timestep": torch.tensor([timestep]),
            "text": maker.randn(1, rows, config["text_dim"])}


def add_branches(maker, name, model, config, shapes):
    for i, shape in enumerate(shapes):
        branch = BRANCHES[i % 3]
        inputs = make_branch_input(maker, config, shape, (999.0, 37.0, 562.0)[i % 3])
        maker.add(f"branch-{name}-{branch}", "branch", name, inputs,
                  {"velocity": network.single(model.branches[branch], inputs)}, "--branch", branch)


def add_transformer(maker, name, model, config, shapes):
    for f, h, w, rows in shapes:
        inputs = {key: maker.randn(1, config["in_channels"], f, h, w) for key in (*BRANCHES, "source")}
        inputs |= {"timestep": torch.tensor([937.0]), "text": maker.randn(1, rows, config["text_dim"])}
        for kind in ("plain", "masked"):
            if kind == "masked":
                inputs["mask"] = maker.randn(*inputs["source"].shape)
            maker.add(f"transformer-{name}-{f}x{h}x{w}-{kind}", "transformer", name, inputs,
                      network.joint(model.branches, model.layers, inputs))


def add_pipeline(maker, name, model, video_shape, runs):
    vocab = model.text_encoder.config.vocab_size
    for steps, guidance, shift, solver, has_mask in runs:
        inputs = {"source_video": maker.video(*video_shape),
                  "input_ids": torch.randint(4, vocab, (1, 9), generator=maker.generator),
                  "attention_mask": torch.tensor([[1] * 7 + [0] * 2]),
                  "negative_ids": torch.tensor([[5, 8, 1, 0]]), "negative_mask": torch.tensor([[1, 1, 1, 0]])}
        if has_mask:
            grey = (maker.randn(1, 1, *video_shape) > 0).float() * 2 - 1
            inputs["mask_video"] = grey.expand(-1, 3, -1, -1, -1)
        latent = network.encode(model.vae, inputs["source_video"]).shape
        inputs |= {f"noise_{branch}": maker.randn(*latent) for branch in BRANCHES}
        options = {"steps": steps, "guidance": guidance, "shift": shift, "solver": solver}
        label = "masked" if has_mask else "plain"
        maker.add(f"pipeline-{name}-{solver}-{steps}-g{guidance}-{label}", "pipeline", name, inputs,
                  network.pipeline(model, inputs, **options),
                  *(part for key, value in options.items() for part in (f"--{key}", value)), tolerance=1e-3)


def add_sampler(maker):
    for steps, shift in SCHEDULES:
        x, v = maker.randn(2, 5), maker.randn(steps, 2, 5)
        inputs = maker.save_input(f"sampler-{steps}-s{shift}", {"sample": x, "velocity": v})
        sigmas, timesteps = grid(steps, shift)
        for solver in ("unipc", "euler"):
            step, trace = make_solver(solver, sigmas), [x.double()]
            for i in range(steps):
                trace.append(step(v[i].double(), trace[-1]))
            outputs = {"trajectory": torch.stack(trace), "timesteps": torch.tensor(timesteps),
                       "sigmas": torch.tensor(sigmas)}
            maker.add(f"sampler-{solver}-{steps}-s{shift}", "sampler", "model-f32", inputs, outputs,
                      "--steps", steps, "--shift", shift, "--solver", solver)


def add_snapper(maker):
    """With a generator of its own: nothing that was drawn before it depends on it."""
    g = torch.Generator().manual_seed(7)
    snapper = randomise(Snapper(SNAPPER["channels"], SNAPPER["middle_blocks"]), g)
    write_part(maker.root / "model-f32", "snapper", snapper, SNAPPER, Form())
    for height, width in ((4, 4), (24, 40)):
        x = torch.rand(1, INPUTS, height, width, generator=g) * 2 - 1
        maker.add(f"snapper-model-f32-{height}x{width}", "snapper", "model-f32", {"input": x}, {"kept": torch.sigmoid(snapper(x))[:, None]})


def write_joint(root):
    model = make_model(1, **JOINT)
    for branch in BRANCHES:
        write_part(root, f"branches/{branch}", model.branches[branch], JOINT["branch"], Form())
    write_part(root, "vae", model.vae, JOINT["vae"], Form())
    write_part(root, "text_encoder", model.text_encoder, JOINT["text"], Form())
    write_layers(root, model.layers, "F32")
    write_index(root, "model-f32")
    tokens.train(root / "tokenizer/spiece.model")
    return model


def write_mixed(root):
    model = make_model(2, **MIXED)
    parts = {f"branches/{b}": (model.branches[b], MIXED["branch"]) for b in BRANCHES}
    parts |= {"vae": (model.vae, MIXED["vae"]), "text_encoder": (model.text_encoder, MIXED["text"])}
    for part, (module, config) in parts.items():
        write_part(root, part, module, config, MIXED_FORMS[part])
    write_layers(root, model.layers, "BF16")
    write_index(root, "model-mixed")
    return model


def add_singles(maker):
    for seed, (name, (config, form)) in enumerate(SINGLES.items(), 3):
        branch = make_branch(config, torch.Generator().manual_seed(seed))
        write_part(maker.root / name, "branches/edit", branch, config, form)
        write_index(maker.root / name, name)
        inputs = make_branch_input(maker, config, (2, 4, 6, 7), 748.0)
        maker.add(f"branch-{name}", "branch", name, inputs, {"velocity": network.single(branch, inputs)},
                  "--branch", "edit")


@torch.no_grad()
def make(root):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    maker = Maker(root)
    model = write_joint(root / "model-f32")
    add_text(maker, "model-f32", model.text_encoder, ((1, 1), (7, 7), (12, 5)))
    add_vae(maker, "model-f32", model.vae, ((1, 16, 16), (5, 4, 8), (5, 24, 40), (9, 8, 12), (13, 8, 12)))
    add_branches(maker, "model-f32", model, JOINT["branch"], SHAPES[:3])
    add_transformer(maker, "model-f32", model, JOINT["branch"], SHAPES)
    add_pipeline(maker, "model-f32", model, (5, 8, 16), (
        (4, 5.0, 3.0, "unipc", True), (10, 1.0, 3.0, "unipc", False), (10, 5.0, 5.0, "unipc", True),
        (4, 5.0, 3.0, "euler", False)))
    model = write_mixed(root / "model-mixed")
    add_text(maker, "model-mixed", model.text_encoder, ((120, 110),))
    add_vae(maker, "model-mixed", model.vae, ((1, 24, 40), (5, 16, 16), (9, 16, 24)))
    add_branches(maker, "model-mixed", model, MIXED["branch"], ((2, 4, 6, 3),) * 3)
    add_transformer(maker, "model-mixed", model, MIXED["branch"], ((2, 6, 4, 3),))
    add_pipeline(maker, "model-mixed", model, (5, 16, 32), ((4, 5.0, 3.0, "unipc", True),))
    add_singles(maker)
    add_sampler(maker)
    add_snapper(maker)
    write_json(root / "manifest.json", maker.cases)
    (root / "tokenizer.json").write_text(
        json.dumps(tokens.encode(root / "model-f32/tokenizer/spiece.model"), indent=0) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(pathlib.Path(sys.argv[1]))
