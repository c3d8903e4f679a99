"""The sampler that the program uses, for judging a state without the program: UniPC of order two over the original Wan grid."""
import math

import torch

from . import config
from .checkpoint import encode_text


def grid(steps, shift):
    """Noise levels with the final zero, and the timesteps that the network is told."""
    base = torch.linspace(0.9990000128746033, 0, steps + 1, dtype=torch.float64)[:-1]
    sigmas = (shift * base / (1 + (shift - 1) * base)).float().double()
    return [*sigmas.tolist(), 0.0], [int(1000 * s) for s in sigmas.float()]


class UniPC:
    def __init__(self, sigmas):
        self.sigmas = sigmas
        self.snr = [math.inf if s == 0 else math.log((1 - s) / s) for s in sigmas]
        self.known, self.sample, self.order = [], None, 0

    def correct(self, i, x0):
        """The sample at step i, improved by the prediction x0 that was made there."""
        h = self.snr[i] - self.snr[i - 1]
        b, alpha, newest = math.expm1(-h), 1 - self.sigmas[i], self.known[-1]
        base = self.sigmas[i] / self.sigmas[i - 1] * self.sample - alpha * b * newest
        if self.order == 1:
            return base - alpha * b * 0.5 * (x0 - newest)
        r = (self.snr[i - 2] - self.snr[i - 1]) / h
        first = b / -h - 1
        second = 2 * (first / -h - 0.5)
        rho = (first / b - second / b) / (1 - r)
        return base - alpha * b * (rho * (self.known[-2] - newest) / r + (first / b - rho) * (x0 - newest))

    def step(self, i, x, velocity):
        x0 = x - self.sigmas[i] * velocity
        if i > 0:
            x = self.correct(i, x0)
        self.known = [*self.known[-1:], x0]
        self.sample, self.order = x, min(2, len(self.sigmas) - 1 - i, i + 1)
        h = self.snr[i + 1] - self.snr[i]
        b, alpha = math.expm1(-h), 1 - self.sigmas[i + 1]
        out = self.sigmas[i + 1] / self.sigmas[i] * x - alpha * b * x0
        if self.order == 2:
            r = (self.snr[i - 1] - self.snr[i]) / h
            out = out - alpha * b * 0.5 * (self.known[-2] - x0) / r
        return out


@torch.no_grad()
def sample(model, vae, tokenizer, request):
    """request: source [3, T, h, w] 0 .. 1, mask [1, T, h, w] or None, text, seed, steps, guidance. Returns edit [3, T, h, w]
    and alpha [T, h, w], 0 .. 1."""
    source = vae.encode(request["source"][None] * 2 - 1)
    mask = source * 0 if request["mask"] is None else vae.encode(request["mask"].expand(3, -1, -1, -1)[None] * 2 - 1)
    has_mask = torch.tensor([float(request["mask"] is not None)], device=source.device)
    texts = [request["text"]] + ([""] if request["guidance"] > 1 else [])
    ids = encode_text(tokenizer, texts, config.TEXT_TOKENS).to(source.device)
    n = len(texts)
    random = torch.Generator().manual_seed(request["seed"])
    x = torch.randn(3, *source.shape, generator=random).to(source.device)
    sigmas, timesteps = grid(request["steps"], config.SHIFT)
    solver = UniPC(sigmas)
    for i, timestep in enumerate(timesteps):
        def wide(v, dim=0):
            return v.repeat_interleave(n, dim)
        tau = torch.full((n,), float(timestep), device=x.device)
        v = model(wide(x, 1), wide(source), wide(mask), wide(has_mask), tau, ids, (ids != 0).long())
        velocity = v[:, :1] if n == 1 else v[:, 1:] + request["guidance"] * (v[:, :1] - v[:, 1:])
        x = solver.step(i, x, velocity)
    edit, alpha = (vae.decode(x[j])[0] / 2 + 0.5 for j in (0, 1))
    return edit, alpha.mean(0).clamp(0, 1)
