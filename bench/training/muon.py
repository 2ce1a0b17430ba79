"""Muon: momentum whose updates are made orthogonal, for convolution filters, in few launches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.training.device import Compute

Coefficients = tuple[float, float, float]

# Coefficients of the quintic iteration, chosen by its author for a steep slope at zero.
NEWTON_SCHULZ: Coefficients = (3.4445, -4.7750, 2.0315)


def orthogonalise(
    matrices: Tensor, steps: int = 3, dtype: torch.dtype = torch.bfloat16, coefficients: Coefficients = NEWTON_SCHULZ
) -> Tensor:
    """Push all singular values of `matrices` [n, rows, columns] towards 1, by Newton-Schulz iteration in `dtype`."""
    a, b, c = coefficients
    x: Tensor = matrices.to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:  # the smaller Gram matrix is cheaper and gives the same result
        x = x.mT
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)


def _one_by_one(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [solve(matrix[None])[0] for matrix in matrices]


def _batched(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Matrices of as many rows in one batch, the narrower filled up with zero columns, which change nothing."""
    width: dict[int, int] = {}
    for matrix in matrices:
        width[len(matrix)] = max(width.get(len(matrix), 0), matrix.shape[1])
    batches = {
        rows: solve(torch.stack([_filled(each, columns) for each in matrices if len(each) == rows])).unbind()
        for rows, columns in width.items()
    }
    solved = {rows: iter(batch) for rows, batch in batches.items()}
    return [next(solved[len(matrix)])[:, : matrix.shape[1]] for matrix in matrices]


def _filled(matrix: Tensor, columns: int) -> Tensor:
    """`matrix` with zero columns up to `columns`. Where it has as many, torch would copy it, which is a launch."""
    return matrix if matrix.shape[1] == columns else F.pad(matrix, (0, columns - matrix.shape[1]))


class Muon:
    """Muon with Nesterov momentum, and filters kept at Frobenius norm sqrt(C_out).

    `weights` are of convolutions, [C_out, C_in, height, width]; the iteration is in the type that `compute` names for
    it. On a GPU, which needs as much to be busy, it is for the filters of all layers of one width at once.
    `param_groups` is one group, as an optimiser of torch's has them, for its learning rate.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        compute: Compute,
        *,
        lr: float,
        momentum: float,
        coefficients: Coefficients = NEWTON_SCHULZ,
    ) -> None:
        self.weights, self.momentum, self.coefficients = list(weights), momentum, coefficients
        self.param_groups: list[dict[str, Any]] = [{"params": self.weights, "lr": lr}]
        self.momenta = [compute.keep(torch.zeros_like(weight)) for weight in self.weights]
        self.dtype = compute.newton_schulz_dtype
        self._each = _batched if compute.is_cuda else _one_by_one

    @torch.no_grad()
    def step(self, *, rescale: bool = True) -> None:
        """Bring the filters back to their norm if asked to, take the orthogonalised step, and drop the gradients.

        What has no gradient stays as it is.
        """
        moving = [
            (weight, momentum, weight.grad)
            for weight, momentum in zip(self.weights, self.momenta, strict=True)
            if weight.grad is not None
        ]
        if not moving:
            return
        weights, momenta, gradients = (list(each) for each in zip(*moving, strict=True))
        torch._foreach_mul_(momenta, self.momentum)
        torch._foreach_add_(momenta, gradients)
        ahead = torch._foreach_add(gradients, momenta, alpha=self.momentum)
        if rescale:
            factors = torch._foreach_reciprocal(torch._foreach_norm(weights))
            torch._foreach_mul_(factors, [len(weight) ** 0.5 for weight in weights])
            for weight, factor in zip(weights, factors, strict=True):
                weight.mul_(factor)
        solved = self._each([as_matrix(each) for each in ahead], self._solve)
        updates = [like_filters(each, weight) for each, weight in zip(solved, weights, strict=True)]
        # The rate is a float, or a number on the device.
        torch._foreach_sub_(weights, torch._foreach_mul(updates, self.param_groups[0]["lr"]))
        for weight in weights:
            weight.grad = None

    def _solve(self, matrices: Tensor) -> Tensor:
        return orthogonalise(matrices, dtype=self.dtype, coefficients=self.coefficients)


def as_matrix(filters: Tensor) -> Tensor:
    """Filters [C_out, C_in, height, width] as [C_out, the rest], in the order in which channels-last filters lie."""
    return filters.permute(0, 2, 3, 1).reshape(len(filters), -1)


def like_filters(matrix: Tensor, filters: Tensor) -> Tensor:
    """What `as_matrix` made a matrix of `filters`' shape, as filters again."""
    rows, channels, height, width = filters.shape
    return matrix.reshape(rows, height, width, channels).permute(0, 3, 1, 2)
