"""Muon: momentum whose updates are made orthogonal, for convolution filters, in few launches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.training.device import Compute
from bench.training.paths.captured import branches

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


def side_by_side(matrices: Sequence[Tensor]) -> Tensor:
    """Matrices of as many rows as one batch, the narrower filled up with zero columns, which change nothing."""
    columns = max(matrix.shape[1] for matrix in matrices)
    return torch.stack([_filled(matrix, columns) for matrix in matrices])


def _filled(matrix: Tensor, columns: int) -> Tensor:
    """`matrix` with zero columns up to `columns`. Where it has as many, torch would copy it, which is a launch."""
    return matrix if matrix.shape[1] == columns else F.pad(matrix, (0, columns - matrix.shape[1]))


class Muon:
    """Muon with Nesterov momentum, and filters kept at Frobenius norm sqrt(C_out).

    `weights` are of convolutions, [C_out, C_in, height, width]; the iteration is in the type that `compute` names for
    it. On a GPU, which needs as much to be busy, it is for the filters of all layers of one width at once, and the
    widths are branches of a captured step.
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
        self.together = compute.is_cuda

    def step(self, *, rescale: bool = True) -> None:
        """Move the filters and drop their gradients."""
        branches(self.parts(rescale=rescale))
        self.zero_grad()

    def parts(self, *, rescale: bool = True) -> list[Callable[[], None]]:
        """A step in parts that are independent of each other, the longest first.

        Each brings its filters back to their norm if asked to, and takes the orthogonalised step. What has no gradient
        stays as it is.
        """
        part: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {}
        for number, (weight, momentum) in enumerate(zip(self.weights, self.momenta, strict=True)):
            if weight.grad is not None:
                key = len(weight) if self.together else number
                part.setdefault(key, []).append((weight, momentum, weight.grad))
        by_size = sorted(part.values(), key=lambda moving: -sum(weight.numel() for weight, *_ in moving))
        return [partial(self._move, moving, rescale=rescale) for moving in by_size]

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def _move(self, moving: Sequence[tuple[Tensor, Tensor, Tensor]], *, rescale: bool) -> None:
        weights, momenta, gradients = (list(each) for each in zip(*moving, strict=True))
        torch._foreach_mul_(momenta, self.momentum)
        torch._foreach_add_(momenta, gradients)
        ahead = torch._foreach_add(gradients, momenta, alpha=self.momentum)
        if rescale:
            factors = torch._foreach_reciprocal(torch._foreach_norm(weights))
            torch._foreach_mul_(factors, [len(weight) ** 0.5 for weight in weights])
            for weight, factor in zip(weights, factors, strict=True):
                weight.mul_(factor)
        batch = side_by_side([as_matrix(each) for each in ahead])
        solved = orthogonalise(batch, dtype=self.dtype, coefficients=self.coefficients)
        # The rate is a float, or a number on the device.
        updates = solved * self.param_groups[0]["lr"]
        # What lies as the filters do is taken from all of them in one launch.
        torch._foreach_sub_(weights, [like_filters(*each) for each in zip(updates, weights, strict=True)])


def as_matrix(filters: Tensor) -> Tensor:
    """Filters [C_out, C_in, height, width] as [C_out, the rest], in the order in which channels-last filters lie."""
    return filters.permute(0, 2, 3, 1).reshape(len(filters), -1)


def like_filters(matrix: Tensor, filters: Tensor) -> Tensor:
    """What `as_matrix` made a matrix of `filters`' shape, as filters again; columns that were filled up are dropped."""
    rows, channels, height, width = filters.shape
    own = matrix[:, : channels * height * width].contiguous()
    return own.view(rows, height, width, channels).permute(0, 3, 1, 2)
