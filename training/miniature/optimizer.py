"""Muon for the matrices, Adam for the rest: the miniature learns with fewer tokens than by Adam alone."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""The quintic of Newton-Schulz (K. Jordan, Muon, 2024)."""


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal; a parameter may hold many matrices [..., rows, columns]."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # noqa: ARG002
        """One step, from the gradients."""
        for group in self.param_groups:
            for param in group["params"]:
                state = self.state[param]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(param)
                momentum = state["momentum"].lerp_(param.grad, 1 - group["momentum"])
                update = orthogonal(param.grad.lerp(momentum, group["momentum"]))
                rows, columns = param.shape[-2:]
                param.mul_(1 - group["lr"] * group["decay"])
                param.sub_(update, alpha=group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """About the nearest matrices with singular values of 1."""
    x = matrices.flatten(0, -3).bfloat16()  # enough for the directions, and three times as fast
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = _A * x + (_B * a + _C * a @ a) @ x
    return (x if wide else x.mT).reshape(matrices.shape).to(matrices.dtype)
