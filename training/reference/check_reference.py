#!/usr/bin/env python3
"""Checks our own parts of the reference against the libraries and against the specification.

  check_reference.py

The solver against the specification's golden trace and against diffusers' scheduler given the same
sigmas; the schedule against the specification's table; the joint transformer against the stock
branch: three equal branches without conditioning attend to three copies of the same tokens, which
is what one branch alone does.
"""
import math

import numpy as np
import torch

import make_fixtures as fixtures
import network
from checkpoint import make_branch, make_layers
from sampling import UniPC, grid

TRACES = {
    (4, 5): [[0.5198735, -1.1972959, 1.9917331], [0.5108040, -1.1530349, 1.9369517],
             [0.3687515, -1.1933675, 1.7077106], [0.4380671, -0.8313011, 1.5260970]],
    (6, 3): [[0.5198684, -1.1973095, 1.9917352], [0.5110559, -1.1650496, 1.9477178],
             [0.4494824, -1.1736538, 1.8407421], [0.3878123, -1.1638431, 1.7178027],
             [0.5588876, -0.8918278, 1.8023580], [0.6765483, -0.6110841, 1.7802332]],
}
TIMESTEPS = {
    (4, 5): [999, 937, 833, 624], (10, 3): [999, 963, 922, 874, 817, 749, 666, 562, 428, 249],
    (6, 3): [999, 937, 856, 749, 599, 374],
}


def check(label, error, bar):
    print(f"{label:56} {error:.2e}")
    if not error < bar:
        raise SystemExit(f"{label}: {error:.2e} is above {bar:.0e}")


def check_trace():
    for (steps, shift), trace in TRACES.items():
        sigmas, timesteps = grid(steps, shift)
        solver, x, worst = UniPC(sigmas), np.array([0.5, -1.25, 2.0]), 0
        for i, expected in enumerate(trace):
            x = solver(0.3 * x + 0.5 * math.sin(timesteps[i] / 100) - 0.2, x)
            worst = max(worst, float(np.abs(x - expected).max()))
        check(f"unipc, golden trace of {steps} steps, shift {shift}", worst, 1e-6)
    for (steps, shift), expected in TIMESTEPS.items():
        off = np.abs(np.array(grid(steps, shift)[1]) - expected).max()
        check(f"timesteps of {steps} steps, shift {shift}", float(off), 0.5)


def check_scheduler():
    from diffusers import UniPCMultistepScheduler
    for steps, shift in ((1, 3), (2, 1), (4, 5), (10, 3), (50, 8)):
        sigmas, _ = grid(steps, shift)
        stock = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)
        stock.set_timesteps(steps)
        stock.sigmas = torch.tensor(sigmas)
        stock.timesteps = torch.arange(steps, 0, -1)
        generator = torch.Generator().manual_seed(steps)
        a = b = torch.randn(1, 4, 10, generator=generator, dtype=torch.float64)
        ours, worst = UniPC(sigmas), 0
        for timestep in stock.timesteps:
            v = torch.randn(1, 4, 10, generator=generator, dtype=torch.float64)
            a, b = ours(v, a), stock.step(v, timestep, b).prev_sample
            worst = max(worst, float((a - b).norm() / b.norm()))
        check(f"unipc against diffusers, {steps} steps, shift {shift}", worst, 1e-5)


@torch.no_grad()
def check_joint():
    config = fixtures.JOINT["branch"]
    branch = make_branch(config, torch.Generator().manual_seed(5))
    maker = fixtures.Maker(None)
    one = fixtures.make_branch_input(maker, config, (2, 6, 10, 5), 562.0)
    layers = make_layers(config, torch.Generator().manual_seed(6))
    nothing = {name: torch.zeros_like(value) for name, value in layers.items()}
    inputs = {"timestep": one["timestep"], "text": one["text"], "source": one["latents"]}
    inputs |= dict.fromkeys(network.BRANCHES, one["latents"])
    joint = network.joint(dict.fromkeys(network.BRANCHES, branch), nothing, inputs)
    stock = network.single(branch, one)
    for name in network.BRANCHES:
        check(f"three equal branches against one, {name}", float((joint[name] - stock).norm() / stock.norm()), 1e-5)


if __name__ == "__main__":
    check_trace()
    check_scheduler()
    check_joint()
