#!/usr/bin/env python3
"""Checks that every tensor of the fixture models matters: zeroed, it must move some output by more than 1e-3.

  check_sensitivity.py

Runs the PyTorch side alone, on inputs like those of the fixtures. Prints the tensor that matters least.
"""
import torch

import make_fixtures as fixtures
import network
from checkpoint import make_branch, make_model

LEAST = 1e-3


def get_changes(prefix, tensors, run):
    """{name: relative change of the outputs when the tensor is zeroed}; tensors are restored."""
    base, changes = torch.cat([x.flatten() for x in run()]), {}
    for name, tensor in tensors:
        kept = tensor.clone()
        tensor.zero_()
        changes[f"{prefix}/{name}"] = float((torch.cat([x.flatten() for x in run()]) - base).norm() / base.norm())
        tensor.copy_(kept)
    return changes


def check_model(label, model, config, maker):
    x = {key: maker.randn(1, config["in_channels"], 2, 4, 6) for key in (*network.BRANCHES, "source", "mask")}
    x |= {"timestep": torch.tensor([937.0]), "text": maker.randn(1, 64, config["text_dim"])}
    ids = torch.arange(4, 100)[None]
    latents = maker.randn(1, model.vae.config.z_dim, 3, 2, 2)
    size = 2 ** (len(model.vae.config.dim_mult) - 1) * 2
    video = maker.video(9, size, size)

    def run_joint():
        return list(network.joint(model.branches, model.layers, x).values())

    changes = {}
    for name, branch in model.branches.items():
        changes |= get_changes(f"{label}/{name}", branch.named_parameters(), run_joint)
    changes |= get_changes(f"{label}/layers", model.layers.items(), run_joint)
    changes |= get_changes(f"{label}/text_encoder", model.text_encoder.named_parameters(),
                           lambda: [network.encode_text(model.text_encoder, ids, torch.ones_like(ids))])
    changes |= get_changes(f"{label}/vae", model.vae.named_parameters(),
                           lambda: [network.encode(model.vae, video), network.decode(model.vae, latents)])
    return changes


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    maker = fixtures.Maker(None)
    changes = check_model("joint", make_model(1, **fixtures.JOINT), fixtures.JOINT["branch"], maker)
    changes |= check_model("mixed", make_model(2, **fixtures.MIXED), fixtures.MIXED["branch"], maker)
    for seed, (name, (config, _)) in enumerate(fixtures.SINGLES.items(), 3):
        branch = make_branch(config, torch.Generator().manual_seed(seed))
        inputs = fixtures.make_branch_input(maker, config, (2, 4, 6, 7), 748.0)
        changes |= get_changes(name, branch.named_parameters(), lambda: [network.single(branch, inputs)])
    least = sorted(changes.items(), key=lambda item: item[1])
    for name, change in least[:10]:
        print(f"{change:.2e} {name}")
    weak = [name for name, change in least if not change > LEAST]
    print(f"{len(changes)} tensors, {len(weak)} matter too little")
    return 1 if weak else 0


if __name__ == "__main__":
    raise SystemExit(main())
