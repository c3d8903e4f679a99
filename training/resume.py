#!/usr/bin/env python3
"""Makes a training state of an exported model, to train it further: python3 training/resume.py --model MODEL_DIR --state DIR.

The opposite of export.py. What only the trainers know (the optimiser's state, the number of steps) starts again.
"""
import argparse
import json
import os

import torch
from safetensors.torch import load_file
from vera_training import config
from vera_training.checkpoint import Model, load_tokenizer, save_layers_weights
from vera_training.network import BRANCHES

from export import branch_tensors, layers_tensors, text_tensors


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--state", required=True)
    args = parser.parse_args()
    profile = profile_of(args.model)
    weights = "diffusion_pytorch_model.safetensors"
    model = Model(profile, load_tokenizer(os.path.join(args.model, "tokenizer", "spiece.model")).vocab_size())
    for at, name in enumerate(BRANCHES):
        fill(branch_tensors(model.layers, at), os.path.join(args.model, "branches", name, weights))
    fill(layers_tensors(model.layers), os.path.join(args.model, "layers.safetensors"))
    fill(text_tensors(model.text), os.path.join(args.model, "text_encoder", "model.safetensors"))
    vae = read_json(args.model, "vae", "config.json")
    os.makedirs(args.state, exist_ok=True)
    torch.save({"vae": load_file(os.path.join(args.model, "vae", weights)), "mean": vae["latents_mean"], "std": vae["latents_std"], "step": 0,
                "spent": 0.0, "profile": profile}, os.path.join(args.state, "vae-weights.pt"))
    save_layers_weights(args.state, model.state_dict(), 0, 0.0)
    print(f"{args.state}: profile {profile}")


if __name__ == "__main__":
    main()
