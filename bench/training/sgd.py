"""SGD with momentum on a schedule by epoch, and the float32 copies that half-precision weights need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.schedule import piecewise_linear

Knots = Sequence[tuple[float, float]]


def biases_apart(network: nn.Module, norm: type[nn.BatchNorm2d]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The biases of all layers of the kind `norm`, and whatever else of `network` is trained."""
    biases = [module.bias for module in network.modules() if isinstance(module, norm)]
    known = {id(bias) for bias in biases}
    return biases, [p for p in network.parameters() if p.requires_grad and id(p) not in known]


class ScheduledSgd:
    """SGD whose learning rate and momentum follow lines through (epoch, value), read where a step begins.

    With a loss that is summed over `summed` images the rate is divided by that number and the decay multiplied, so
    that all values are those for the mean loss: in half precision, a loss scale for nothing. With `reached` the values
    are those of the point that a step reaches. A group of parameters may have a `factor` of its own for the rate.
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
        reached: bool = False,
        fused: bool = False,
    ) -> None:
        self.epochs, self.lr, self.momentum, self.summed, self.ahead = epochs, lr, momentum, summed, int(reached)
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
    def hand_back(self) -> None:
        """Give the network the copies' values."""
        torch._foreach_copy_(self.live, self.copies)
