#!/usr/bin/env python3
"""Makes a training state of an exported model, to train it further: python3 training/resume.py --model MODEL_DIR --state DIR.

The opposite of export.py. What only the trainers know (the optimiser's state, the number of steps) starts again. With --branches-only,
the state keeps the VAE that it holds, of a profile whose patches may be half as large: text encoder and blocks are
taken over, what meets latents begins anew.
"""
import argparse
import json
import os

import torch
from safetensors.torch import load_file
from vera_training import config
from vera_training.checkpoint import Model, load_tokenizer, save_layers_weights
from vera_training.network import BRANCHES, halve_patches

from export import branch_tensors, layers_tensors, text_tensors

WEIGHTS = "diffusion_pytorch_model.safetensors"


def read_json(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def profile_of(model):
    branch, vae = (read_json(model, part, "config.json") for part in ("branches/edit", "vae"))
    for name, profile in config.PROFILES.items():
        if branch == profile["branch"] and profile["vae"].items() <= vae.items():
            return name
    raise SystemExit(f"{model} has the shape of no profile in training/vera_training/config.py")


@torch.no_grad()
def fill(wanted, file):
    """Copies the tensors of a file into those that export.py would write to it."""
    have = load_file(file)
    if have.keys() != wanted.keys():
        raise SystemExit(f"{file} holds other tensors than this version of the training code: {sorted(have.keys() ^ wanted.keys())}")
    for name, tensor in wanted.items():
        tensor.copy_(have[name].view(tensor.shape))


def read_branches(folder):
    """Text encoder and branches of an exported model."""
    branch = read_json(folder, "branches/edit", "config.json")
    branch["dim"] = branch["num_attention_heads"] * branch["attention_head_dim"]
    vocab = load_tokenizer(os.path.join(folder, "tokenizer", "spiece.model")).vocab_size()
    model = Model(branch, dict(config.TEXT, vocab_size=vocab))
    for at, name in enumerate(BRANCHES):
        fill(branch_tensors(model.layers, at), os.path.join(folder, "branches", name, WEIGHTS))
    fill(layers_tensors(model.layers), os.path.join(folder, "layers.safetensors"))
    fill(text_tensors(model.text), os.path.join(folder, "text_encoder", "model.safetensors"))
    return model


def fit(old, profile):
    """The old model in the shape of a profile."""
    vocab = old.text.cfg["vocab_size"]
    new = Model(*config.network(profile, vocab))
    if old.layers.pw == 2 * new.layers.pw:
        halve_patches(old.layers.blocks)
    weights, wanted = old.state_dict(), new.state_dict()
    kept = {k: v for k, v in weights.items() if k in wanted and v.shape == wanted[k].shape}
    new.load_state_dict(kept, strict=False)
    print("anew:", ", ".join(k for k in wanted if k not in kept))
    return new


def read_vae(folder, state, profile):
    vae = read_json(folder, "vae", "config.json")
    torch.save({"vae": load_file(os.path.join(folder, "vae", WEIGHTS)), "mean": vae["latents_mean"], "std": vae["latents_std"], "step": 0,
                "spent": 0.0, "profile": profile}, os.path.join(state, "vae-weights.pt"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--branches-only", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.state, exist_ok=True)
    model = read_branches(args.model)
    if args.branches_only:
        profile = torch.load(os.path.join(args.state, "vae-weights.pt"))["profile"]
        model = fit(model, profile)
    else:
        profile = profile_of(args.model)
        read_vae(args.model, args.state, profile)
    save_layers_weights(args.state, model.state_dict(), 0, 0.0)
    print(f"{args.state}: profile {profile}")


if __name__ == "__main__":
    main()
