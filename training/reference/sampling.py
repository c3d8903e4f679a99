"""The noise schedule of the original Wan and its two solvers, in double precision.

FlowUniPC: predictor and corrector of order 2, `bh2`, prediction of the clean latent, corrector on
from the second step, order 1 on the first and the last step.
"""
import math

import numpy as np


def grid(steps, shift):
    """(sigmas with the final 0, timesteps truncated to integers); sigma starts at float32(1 - 1/1000)."""
    base = np.linspace(float(np.float32(1 - 1 / 1000)), 0, steps + 1)[:-1]
    sigmas = (shift * base / (1 + (shift - 1) * base)).astype(np.float32)
    timesteps = [float(int(s * np.float32(1000))) for s in sigmas]
    return [*map(float, sigmas), 0.0], timesteps


class UniPC:
    """Called once a step with (velocity, sample); returns the next sample."""

    def __init__(self, sigmas):
        self.sigmas, self.clean, self.start, self.order, self.i = sigmas, [], None, 0, 0

    def get_lambda(self, i):
        s = self.sigmas[i]
        return math.log(1 - s) - math.log(s) if s > 0 else math.inf

    def correct(self, clean):
        i, s, m = self.i, self.sigmas, self.clean
        h = self.get_lambda(i) - self.get_lambda(i - 1)
        b, alpha = math.expm1(-h), 1 - s[i]
        x = s[i] / s[i - 1] * self.start - alpha * b * m[-1]
        if self.order == 1:
            return x - alpha * b * 0.5 * (clean - m[-1])
        r = (self.get_lambda(i - 2) - self.get_lambda(i - 1)) / h
        first = (b / -h - 1) / b
        second = 2 * ((b / -h - 1) / -h - 0.5) / b
        rho = (first - second) / (1 - r)
        return x - alpha * b * (rho * (m[-2] - m[-1]) / r + (first - rho) * (clean - m[-1]))

    def __call__(self, velocity, x):
        i, s = self.i, self.sigmas
        clean = x - s[i] * velocity
        if i > 0:
            x = self.correct(clean)
        self.clean = [*self.clean[-1:], clean]
        self.start, self.order = x, min(2, len(s) - 1 - i, i + 1)
        h = self.get_lambda(i + 1) - self.get_lambda(i)
        b = math.expm1(-h) if s[i + 1] > 0 else -1.0
        y = s[i + 1] / s[i] * x - (1 - s[i + 1]) * b * clean
        if self.order == 2:
            r = (self.get_lambda(i - 1) - self.get_lambda(i)) / h
            y = y - (1 - s[i + 1]) * b * 0.5 * (self.clean[-2] - clean) / r
        self.i += 1
        return y


class Euler:
    """Called once a step with (velocity, sample); returns the next sample."""

    def __init__(self, sigmas):
        self.sigmas, self.i = sigmas, 0

    def __call__(self, velocity, x):
        self.i += 1
        return x + (self.sigmas[self.i] - self.sigmas[self.i - 1]) * velocity


def make_solver(name, sigmas):
    return {"unipc": UniPC, "euler": Euler}[name](sigmas)
