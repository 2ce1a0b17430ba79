"""Muon: momentum whose update is orthogonalised, for convolution filters (Keller Jordan, 2024)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# Coefficients of the quintic iteration, chosen by its author for a steep slope at zero.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 3, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Push every singular value of `matrix` [rows, columns] towards 1, by Newton-Schulz iteration in `dtype`."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.to(dtype)
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:  # the smaller Gram matrix is cheaper and gives the same result
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result.to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum, and filters kept at Frobenius norm sqrt(C_out).

    `params` are convolution weights [C_out, C_in, height, width]; `dtype` is the type of the iteration.
    """

    def __init__(
        self, params: Iterable[Tensor], *, lr: float, momentum: float, dtype: torch.dtype = torch.bfloat16
    ) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure: one gradient a step
        """Rescale each filter bank to its norm, then take the orthogonalised step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight.grad)
                momentum = state["momentum"].mul_(group["momentum"]).add_(weight.grad)
                lookahead = weight.grad.add(momentum, alpha=group["momentum"])
                update = orthogonalise(lookahead.reshape(len(weight), -1), dtype=self.dtype)
                weight.mul_(len(weight) ** 0.5 / weight.norm())
                weight.add_(update.view_as(weight), alpha=-group["lr"])
