"""Muon: momentum whose update is orthogonalised, for convolution filters (Keller Jordan, 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Coefficients = tuple[float, float, float]

# Coefficients of the quintic iteration, chosen by its author for a steep slope at zero.
NEWTON_SCHULZ: Coefficients = (3.4445, -4.7750, 2.0315)


def orthogonalise(
    matrix: Tensor, steps: int = 3, dtype: torch.dtype = torch.bfloat16, coefficients: Coefficients = NEWTON_SCHULZ
) -> Tensor:
    """Push every singular value of `matrix` [..., rows, columns] towards 1, by Newton-Schulz iteration in `dtype`."""
    a, b, c = coefficients
    x: Tensor = matrix.to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:  # the smaller Gram matrix is cheaper and gives the same result
        x = x.mT
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrix.dtype)


def _each(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [solve(matrix) for matrix in matrices]


def _together(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Matrices of as many rows in one batch, the narrower filled up with zero columns, which change nothing."""
    width: dict[int, int] = {}
    for matrix in matrices:
        width[len(matrix)] = max(width.get(len(matrix), 0), matrix.shape[1])
    batches = {
        rows: solve(
            torch.stack([F.pad(each, (0, columns - each.shape[1])) for each in matrices if len(each) == rows])
        ).unbind()
        for rows, columns in width.items()
    }
    solved = {rows: iter(batch) for rows, batch in batches.items()}
    return [next(solved[len(matrix)])[:, : matrix.shape[1]] for matrix in matrices]


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum, and filters kept at Frobenius norm sqrt(C_out).

    `params` are convolution weights [C_out, C_in, height, width]; `dtype` is the type of the iteration.
    `together` iterates the filters of all layers of one width in one batch, which a GPU needs to be busy.
    `rescale_every`: steps from one rescaling of the filters to the next; the first step is one.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        momentum: float,
        dtype: torch.dtype = torch.bfloat16,
        coefficients: Coefficients = NEWTON_SCHULZ,
        together: bool = False,
        rescale_every: int = 1,
    ) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum})
        self.dtype, self.coefficients, self.rescale_every, self.steps = dtype, coefficients, rescale_every, 0
        self._solve = _together if together else _each

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure: one gradient a step
        """Rescale each filter bank to its norm where it is time to, then take the orthogonalised step."""
        rescale = self.steps % self.rescale_every == 0
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            ahead = [self._look_ahead(weight, group["momentum"]) for weight in weights]
            updates = self._solve(
                ahead, lambda matrix: orthogonalise(matrix, dtype=self.dtype, coefficients=self.coefficients)
            )
            for weight, update in zip(weights, updates, strict=True):
                if rescale:
                    weight.mul_(len(weight) ** 0.5 / weight.norm())
                weight.add_(update.reshape(weight.shape), alpha=-group["lr"])
        self.steps += 1

    def _look_ahead(self, weight: Tensor, share: float) -> Tensor:
        """The gradient with Nesterov momentum, as a matrix [C_out, the rest]."""
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum: Tensor = state["momentum"].mul_(share).add_(gradient)
        return gradient.add(momentum, alpha=share).reshape(len(weight), -1)
