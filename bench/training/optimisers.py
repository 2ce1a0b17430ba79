"""What moves the weights: schedules, SGD, Muon, and averages of the weights."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Knots = Sequence[tuple[float, float]]


def piecewise_linear(at: float, knots: Sequence[tuple[float, float]]) -> float:
    """The value at `at` of the line through `knots`, (position, value) in order of position; flat outside them.

    At a position that stands twice, a jump, the later value holds.
    """
    positions = [position for position, _ in knots]
    if any(later < earlier for earlier, later in pairwise(positions)):
        raise ValueError(f"positions are not in order: {positions}")
    right = bisect_right(positions, at)
    if right in (0, len(knots)):
        return knots[min(right, len(knots) - 1)][1]
    (x0, y0), (x1, y1) = knots[right - 1], knots[right]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


def split_biases(network: nn.Module, norm: type[nn.BatchNorm2d]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The biases of all layers of the kind `norm`, and whatever else of `network` is trained."""
    biases = [module.bias for module in network.modules() if isinstance(module, norm)]
    known = {id(bias) for bias in biases}
    return biases, [p for p in network.parameters() if p.requires_grad and id(p) not in known]


class ScheduledSgd:
    """SGD whose learning rate and momentum follow lines through (epoch, value), read where a step begins.

    With a loss that is summed over `summed` images the rate is divided by that number and the decay multiplied, so
    that all values are those for the mean loss: in half precision, a loss scale for nothing. With `at_step_end` the
    values are read where a step ends. A group of parameters may have a `factor` of its own for the rate.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        epochs: float,
        lr: Knots,
        momentum: Knots,
        weight_decay: float,
        nesterov: bool,
        summed: int = 1,
        at_step_end: bool = False,
        fused: bool = False,
    ) -> None:
        self.epochs, self.lr, self.momentum, self.summed, self.ahead = epochs, lr, momentum, summed, int(at_step_end)
        self.sgd = torch.optim.SGD(
            parameters,
            lr=0.0,
            momentum=momentum[0][1],
            weight_decay=weight_decay * summed,
            nesterov=nesterov,
            fused=fused,
        )

    def schedule(self, step: int, steps: int) -> None:
        """Set learning rate and momentum for `step` (from 0) of `steps`."""
        epoch = (step + self.ahead) * self.epochs / steps
        for group in self.sgd.param_groups:
            group["lr"] = piecewise_linear(epoch, self.lr) / self.summed * group.get("factor", 1)
            group["momentum"] = piecewise_linear(epoch, self.momentum)

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        self.sgd.step()
        self.sgd.zero_grad(set_to_none=True)


class MasterWeights:
    """float32 copies of a network's weights, which are trained in their place with gradients of a scaled loss.

    Steps too small for half precision add up in the copies (Micikevicius et al., Mixed Precision Training, 2018,
    arXiv:1710.03740).
    """

    def __init__(self, parameters: Iterable[Tensor], scale: float) -> None:
        self.live = [parameter for parameter in parameters if parameter.requires_grad]
        self.copies = [parameter.detach().float().clone() for parameter in self.live]
        self.scale = scale

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Move the gradients from the network to the copies, unscaled."""
        for copy, live in zip(self.copies, self.live, strict=True):
            assert live.grad is not None
            copy.grad = live.grad.float() / self.scale
            live.grad = None

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Give the network the copies' values."""
        torch._foreach_copy_(self.live, self.copies)


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


def _one_by_one(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [solve(matrix) for matrix in matrices]


def _batched(matrices: Sequence[Tensor], solve: Callable[[Tensor], Tensor]) -> list[Tensor]:
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
    `batched` iterates the filters of all layers of one width in one batch, which a GPU needs to be busy.
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
        batched: bool = False,
        rescale_every: int = 1,
    ) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum})
        self.dtype, self.coefficients, self.rescale_every, self.steps = dtype, coefficients, rescale_every, 0
        self._solve = _batched if batched else _one_by_one

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


class Average:
    """An exponential moving average of everything a network holds in floating point, running statistics too."""

    @torch.no_grad()
    def __init__(self, network: nn.Module) -> None:
        self.live = [value for value in network.state_dict().values() if value.is_floating_point()]
        self.slow = [value.clone() for value in self.live]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Keep `decay` of the average and take the rest from the network."""
        torch._foreach_lerp_(self.slow, self.live, 1 - decay)

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Have the network go on from the average (lookahead: Zhang et al., 2019, arXiv:1907.08610)."""
        torch._foreach_copy_(self.live, self.slow)

    @contextmanager
    def swap_weights(self) -> Iterator[None]:
        """The network holds the average inside, and its own weights again afterwards."""
        with torch.no_grad():
            own = [value.clone() for value in self.live]
            self.copy_to_network()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.live, own)
