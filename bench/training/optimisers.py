"""What moves the weights: schedules, SGD, float32 copies and averages of the weights. Muon is in muon.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.device import Compute

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


class Optimiser(ABC):
    """What moves the weights: one of torch's optimisers or several, with the schedule of their rates.

    `groups` are the parameter groups whose learning rates follow the schedule. Where steps are captured the rates are
    numbers on the device, read there from a table of the whole run: a graph repeats what it was captured with.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], compute: Compute) -> None:
        self.groups, self.memory = groups, compute.memory
        if self.memory is not None:
            dtype = torch.float32 if compute.is_cuda else torch.float64
            self.now = compute.keep(torch.zeros(len(self.rates(0, 1)), dtype=dtype, device=compute.device))
            for group, rate in zip(groups, self.now, strict=False):  # what is left over is not a group's
                group["lr"] = rate

    def variant(self, step: int) -> Hashable:
        """What makes `step` (from 0) another function of the device than other steps."""
        return None

    @abstractmethod
    def rates(self, step: int, steps: int) -> list[float]:
        """The learning rate of each group in `step` (from 0) of `steps`."""

    @abstractmethod
    def step(self) -> None:
        """Move the weights by their gradients, and drop the gradients: work of the device alone."""

    def schedule(self, step: int, steps: int) -> None:
        """Set what follows the schedule, for `step` (from 0) of `steps`."""
        if self.memory is None:
            self.set_rates(self.rates(step, steps))
            return
        table = self.memory.once(
            ("rates", steps),
            lambda: torch.tensor(
                [self.rates(each, steps) for each in range(steps)], dtype=self.now.dtype, device=self.now.device
            ),
        )
        self.now.copy_(table[step])

    def set_rates(self, rates: Sequence[float]) -> None:
        """Give `rates` to the optimisers, where they are not read on the device."""
        for group, rate in zip(self.groups, rates, strict=False):
            group["lr"] = rate

    def after_step(self, step: int, steps: int) -> None:  # noqa: B027 -- most have nothing to do
        """What follows `step` (from 0) of `steps` now and then, such as averaging."""


def sgd(groups: Iterable[Tensor] | Iterable[dict[str, Any]], compute: Compute, **options: Any) -> torch.optim.SGD:
    """torch's SGD: on a GPU in one launch a type of weights, and where steps are captured with momenta that stay."""
    optimiser = torch.optim.SGD(groups, fused=compute.is_cuda, **options)
    if compute.memory is not None:
        for group in optimiser.param_groups:
            for weight in group["params"]:
                optimiser.state[weight]["momentum_buffer"] = compute.keep(torch.zeros_like(weight))
    return optimiser


class ScheduledSgd(Optimiser):
    """SGD whose learning rate and momentum follow lines through (epoch, value), read where a step begins.

    With a loss that is summed over `summed` images the rate is divided by that number and the decay multiplied, so
    that all values are those for the mean loss: in half precision, a loss scale for nothing. With `at_step_end` the
    values are read where a step ends. A group of parameters may have a `factor` of its own for the rate. Raises
    ValueError where steps are captured and Nesterov's momentum is to change.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        compute: Compute,
        *,
        epochs: float,
        lr: Knots,
        momentum: Knots,
        weight_decay: float,
        nesterov: bool,
        summed: int = 1,
        at_step_end: bool = False,
    ) -> None:
        if compute.memory is not None and nesterov and len(momentum) > 1:
            raise ValueError("Nesterov's momentum cannot change where steps are captured; give it one value")
        self.epochs, self.lr, self.momentum, self.summed, self.ahead = epochs, lr, momentum, summed, int(at_step_end)
        self.sgd = sgd(
            parameters,
            compute,
            lr=0.0,
            momentum=momentum[0][1],
            weight_decay=weight_decay * summed,
            nesterov=nesterov,
        )
        super().__init__(self.sgd.param_groups, compute)

    def rates(self, step: int, steps: int) -> list[float]:
        """The learning rate of each group, then the momentum as a multiple of its first value."""
        epoch = (step + self.ahead) * self.epochs / steps
        rate = piecewise_linear(epoch, self.lr) / self.summed
        momentum = piecewise_linear(epoch, self.momentum) / self.momentum[0][1]
        return [*(rate * group.get("factor", 1) for group in self.sgd.param_groups), momentum]

    def set_rates(self, rates: Sequence[float]) -> None:
        """See Optimiser."""
        super().set_rates(rates)
        for group in self.sgd.param_groups:
            group["momentum"] = self.momentum[0][1] * rates[-1]

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        if self.memory is not None and len(self.momentum) > 1:
            # A captured SGD has one momentum for ever: its buffers take up what the schedule changes in it.
            torch._foreach_mul_([state["momentum_buffer"] for state in self.sgd.state.values()], self.now[-1])
        self.sgd.step()
        self.sgd.zero_grad(set_to_none=True)


class MasterWeights:
    """float32 copies of a network's weights, which are trained in their place with gradients of a scaled loss.

    Steps too small for half precision add up in the copies (Micikevicius et al., Mixed Precision Training, 2018,
    arXiv:1710.03740).
    """

    def __init__(self, parameters: Iterable[Tensor], scale: float, compute: Compute) -> None:
        self.live = [parameter for parameter in parameters if parameter.requires_grad]
        self.copies = [compute.keep(parameter.detach().float().clone()) for parameter in self.live]
        self.gradients = [compute.keep(torch.zeros_like(copy)) for copy in self.copies]
        self.scale = scale

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Move the gradients from the network to the copies, unscaled."""
        torch._foreach_copy_(self.gradients, [_gradient(live) for live in self.live])
        torch._foreach_div_(self.gradients, self.scale)
        for copy, gradient, live in zip(self.copies, self.gradients, self.live, strict=True):
            copy.grad, live.grad = gradient, None

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Give the network the copies' values."""
        torch._foreach_copy_(self.live, self.copies)


def _gradient(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad


class Average:
    """An exponential moving average of everything a network holds in floating point, running statistics too."""

    @torch.no_grad()
    def __init__(self, network: nn.Module, compute: Compute) -> None:
        self.live = [value for value in network.state_dict().values() if value.is_floating_point()]
        # Those of a type side by side: a mixed list is averaged one by one.
        self.live.sort(key=lambda value: str(value.dtype))
        self.slow = [compute.keep(value.clone()) for value in self.live]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Keep `decay` of the average and take the rest from the network."""
        for slow, live in self._by_type():
            torch._foreach_lerp_(slow, live, 1 - decay)

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Have the network go on from the average (lookahead: Zhang et al., 2019, arXiv:1907.08610)."""
        for slow, live in self._by_type():
            torch._foreach_copy_(live, slow)

    def _by_type(self) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        pairs = zip(self.slow, self.live, strict=True)
        for _, same in groupby(pairs, key=lambda pair: pair[0].dtype):
            slow, live = zip(*same, strict=True)
            yield list(slow), list(live)

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
