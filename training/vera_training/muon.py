"""Steps of equal size in all directions of a matrix: momentum made orthogonal (Newton-Schulz), scaled to the step that AdamW would take.

After K. Jordan's Muon (https://kellerjordan.github.io/posts/muon/), scaled as in "Muon is scalable for LLM training"
(arXiv 2502.16982). For matrices inside of a network; embeddings, first and last layers, norms and biases stay with AdamW.
"""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that drives singular values to about 1 soonest
ROUNDS = 5


def orthogonal(matrices):
    """[n, rows, columns] with their singular values all about 1; rows <= columns."""
    a, b, c = COEFFICIENTS
    x = (matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)).bfloat16()
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, momentum=0.95, weight_decay=0.02):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(tuple(sorted(p.shape[-2:])), []).append(p)
            for (rows, columns), params in shapes.items():
                self.step_alike(group, params, rows, columns)

    def step_alike(self, group, params, rows, columns):
        """Matrices of one shape, which are made orthogonal at once."""
        updates = []
        for p in params:
            momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
            momentum.lerp_(p.grad, 1 - group["momentum"])
            update = p.grad.lerp(momentum, group["momentum"]).reshape(-1, *p.shape[-2:])
            updates.append(update if p.shape[-2] <= p.shape[-1] else update.mT)
        done = orthogonal(torch.cat(updates)) * (0.2 * columns**0.5)
        for p, update in zip(params, done.split([len(u) for u in updates])):
            update = update if p.shape[-2] <= p.shape[-1] else update.mT
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(update.reshape(p.shape), alpha=-group["lr"])
