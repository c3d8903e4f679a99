#!/usr/bin/env python3
"""Writes the trained state as a Vera model: python3 training/export.py --state DIR --tokenizer spiece.model --output MODEL_DIR.

The layout is that of model-format: 16-bit floats in safetensors under the names of diffusers and transformers. A model is
marked as trained only with --trained, which is for whoever has read evaluate.py's table and found it good enough.
--check loads the result in diffusers and transformers and compares what they compute with the training code.
"""
import argparse
import json
import os
import shutil

import torch
from safetensors.torch import save_file
from vera_training import config
from vera_training.checkpoint import Model, load_layers_weights, load_tokenizer, load_vae
from vera_training.network import BRANCHES
from vera_training.snapper import SETTINGS as SNAPPER

LINEAR = {"q": "attn1.to_q", "k": "attn1.to_k", "v": "attn1.to_v", "o": "attn1.to_out.0", "cq": "attn2.to_q", "ck": "attn2.to_k",
          "cv": "attn2.to_v", "co": "attn2.to_out.0", "up": "ffn.net.0.proj", "down": "ffn.net.2"}
VECTOR = {"norm_q": "attn1.norm_q.weight", "norm_k": "attn1.norm_k.weight", "cnorm_q": "attn2.norm_q.weight",
          "cnorm_k": "attn2.norm_k.weight", "norm_w": "norm2.weight", "norm_b": "norm2.bias"}
EMBEDDER = {"text_1": "text_embedder.linear_1", "text_2": "text_embedder.linear_2", "time_1": "time_embedder.linear_1",
            "time_2": "time_embedder.linear_2", "time_proj": "time_proj"}


def linear(out, name, module, at):
    out[name + ".weight"], out[name + ".bias"] = module.weight[at], module.bias[at]


def kernel(cfg):
    return (cfg["in_channels"], *cfg["patch_size"])


def branch_tensors(layers, at):
    out = {}
    linear(out, "patch_embedding", layers.patch, at)
    out["patch_embedding.weight"] = out["patch_embedding.weight"].view(-1, *kernel(layers.cfg))
    for ours, name in EMBEDDER.items():
        linear(out, "condition_embedder." + name, getattr(layers, ours), at)
    for i, block in enumerate(layers.blocks):
        for ours, name in LINEAR.items():
            linear(out, f"blocks.{i}.{name}", getattr(block, ours), at)
        for ours, name in VECTOR.items():
            out[f"blocks.{i}.{name}"] = getattr(block, ours)[at]
        out[f"blocks.{i}.scale_shift_table"] = block.modulation[at][None]
    out["scale_shift_table"] = layers.head_modulation[at][None]
    linear(out, "proj_out", layers.head, at)
    return out


def layers_tensors(layers):
    out = {"alpha_embedding": layers.alpha_embedding, "composite_embedding": layers.composite_embedding}
    for name in ("source_patch", "mask_patch"):
        module = getattr(layers, name)
        out[name + ".weight"], out[name + ".bias"] = module.weight.view(-1, *kernel(layers.cfg)), module.bias
    return out


def text_tensors(text):
    out = {"shared.weight": text.shared.weight, "encoder.final_layer_norm.weight": text.norm.weight}
    for i, layer in enumerate(text.layers):
        first, second = f"encoder.block.{i}.layer.0.", f"encoder.block.{i}.layer.1."
        for name in "qkvo":
            out[f"{first}SelfAttention.{name}.weight"] = layer[name].weight
        out[first + "SelfAttention.relative_attention_bias.weight"] = layer["bias"].weight
        out[first + "layer_norm.weight"], out[second + "layer_norm.weight"] = layer["norm1"].weight, layer["norm2"].weight
        for name in ("wi_0", "wi_1", "wo"):
            out[f"{second}DenseReluDense.{name}.weight"] = layer[name].weight
    return out


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        json.dump(value, out, indent=2)
        out.write("\n")


def write_part(folder, file, tensors, settings=None):
    halves = {k: v.detach().half().contiguous().clone() for k, v in tensors.items()}
    for name, value in halves.items():
        if not value.isfinite().all():
            raise SystemExit(f"{name} does not fit 16-bit floats; the training state is broken")
    os.makedirs(folder, exist_ok=True)
    save_file(halves, os.path.join(folder, file), metadata={"format": "pt"})
    if settings is not None:
        write_json(folder, "config.json", settings)


def index(args, profile):
    return {"_class_name": "VeraPipeline", "vera_format": 1, "name": args.name, "trained": args.trained,
            "native": config.PROFILES[profile]["native"],
            "defaults": {"steps": args.steps, "guidance": args.guidance, "shift": config.SHIFT, "negative_prompt": ""}}


def scheduler():
    return {"_class_name": "UniPCMultistepScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02,
            "beta_schedule": "linear", "solver_order": 2, "solver_type": "bh2", "prediction_type": "flow_prediction", "predict_x0": True,
            "lower_order_final": True, "disable_corrector": [], "thresholding": False, "final_sigmas_type": "zero",
            "timestep_spacing": "linspace", "use_flow_sigmas": True, "flow_shift": config.SHIFT}


def export(args, model, vae, profile):
    out = args.output
    branch = {k: v for k, v in model.layers.cfg.items() if k != "dim"}
    for at, name in enumerate(BRANCHES):
        write_part(os.path.join(out, "branches", name), "diffusion_pytorch_model.safetensors", branch_tensors(model.layers, at), branch)
    write_part(out, "layers.safetensors", layers_tensors(model.layers))
    settings = dict(vae.cfg, latents_mean=vae.mean.tolist(), latents_std=vae.std.tolist())
    write_part(os.path.join(out, "vae"), "diffusion_pytorch_model.safetensors", dict(vae.named_parameters()), settings)
    write_part(os.path.join(out, "text_encoder"), "model.safetensors", text_tensors(model.text), model.text.cfg)
    snapper = os.path.join(args.state, "snapper-weights.pt")
    if os.path.exists(snapper):
        write_part(os.path.join(out, "snapper"), "diffusion_pytorch_model.safetensors", torch.load(snapper), SNAPPER)
    pieces = os.path.join(out, "tokenizer", "spiece.model")
    os.makedirs(os.path.dirname(pieces), exist_ok=True)
    if os.path.abspath(args.tokenizer) != os.path.abspath(pieces):
        shutil.copyfile(args.tokenizer, pieces)
    write_json(os.path.dirname(pieces), "tokenizer_config.json", {
        "tokenizer_class": "T5Tokenizer", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "extra_ids": 0,
        "model_max_length": 512})
    write_json(os.path.join(out, "scheduler"), "scheduler_config.json", scheduler())
    write_json(out, "model_index.json", index(args, profile))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--name", default="vera-small")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    vae, profile = load_vae(args.state, "cpu")
    model = Model(*config.network(profile, load_tokenizer(args.tokenizer).vocab_size()))
    weights, step, spent = load_layers_weights(args.state)
    model.load_state_dict(weights)
    export(args, model.eval(), vae, profile)
    print(f"{args.output}: profile {profile}, {step} steps, {spent / 3600:.2f} h, trained: {args.trained}")
    if args.check:
        from vera_training.parity import check
        check(args.output, model, vae, load_tokenizer(args.tokenizer))


if __name__ == "__main__":
    main()
