"""SGD with momentum on a schedule by epoch, and the float32 copies that half-precision weights need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from bench.training.schedule import piecewise_linear

Knots = Sequence[tuple[float, float]]


class ScheduledSgd:
    """SGD whose learning rate and momentum follow lines through (epoch, value), read before each step.

    With a loss that is summed over `summed` images the rate is divided by that number and the decay multiplied, so
    that all values are those for the mean loss: in half precision, a loss scale for nothing.
    """

    def __init__(
        self, parameters: Iterable[Tensor], *, epochs: float, lr: Knots, momentum: Knots, weight_decay: float,
        nesterov: bool, summed: int = 1, fused: bool = False,
    ) -> None:  # fmt: skip
        self.epochs, self.lr, self.momentum, self.summed = epochs, lr, momentum, summed
        self.sgd = torch.optim.SGD(
            parameters, lr=0.0, momentum=momentum[0][1], weight_decay=weight_decay * summed, nesterov=nesterov,
            fused=fused,
        )  # fmt: skip

    def schedule(self, step: int, steps: int) -> None:
        """Set learning rate and momentum for `step` (from 0) of `steps`."""
        epoch = step * self.epochs / steps
        for group in self.sgd.param_groups:
            group["lr"] = piecewise_linear(epoch, self.lr) / self.summed
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
    def hand_back(self) -> None:
        """Give the network the copies' values."""
        torch._foreach_copy_(self.live, self.copies)
