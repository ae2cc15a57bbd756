"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before each step.

torch.optim.Muon does its Newton-Schulz iteration in bfloat16, which a CPU without bfloat16 units runs fifty times
slower than float32; this one takes the precision that is fast on the device.
"""

from __future__ import annotations

import torch

_COEFFICIENTS = (3.4445, -4.775, 2.0315)


class Muon(torch.optim.Optimizer):
    """For 2D parameters. The update is scaled to the root mean square of AdamW's (Moonlight, Liu et al. 2025)."""

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.01, iterations: int = 5):
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "iterations": iterations,
        })

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(state["momentum"], group["momentum"])
                update = orthogonal(update, group["iterations"])
                scale = 0.2 * max(parameter.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.to(parameter.dtype), alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor, iterations: int) -> torch.Tensor:
    """The nearest (semi-)orthogonal matrix, about: singular values pushed to between 0.7 and 1.2."""
    x = matrix.bfloat16() if matrix.is_cuda else matrix.float()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T
