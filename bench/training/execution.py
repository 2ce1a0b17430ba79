"""A network as it is called on a device: eager, compiled, on blocked activations, or by CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from bench.training.blocked import Blocked, can_block
from bench.training.device import Compute
from bench.training.layers import Whitening


def forward_function(network: nn.Sequential, compute: Compute) -> tuple[Callable[[Tensor], Tensor], bool]:
    """`network` called the fastest way, and whether its convolutions are Winograd's."""
    compiles = compute.path == "compiled"
    # A function is compiled anew for every shape, of which a network has more than the eight that are allowed.
    torch._dynamo.config.recompile_limit = 64
    if compute.winograd and can_block(network):
        return Blocked(network, compiled=compiles), True
    if compiles:
        return torch.compile(network, mode="max-autotune" if compute.is_cuda else None, dynamic=False), False
    if compute.path == "graphs":
        return Graphed(network), False
    return network, False


class _Wrapper(nn.Module):
    """A module of its own around the network: capturing replaces a module's forward, and there is a graph a shape."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """As the network's."""
        logits: Tensor = self.network(images)
        return logits


class Graphed:
    """`network`, forward and backward captured at the first training batch of each shape; testing is not captured."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.whitening = [module for module in network.modules() if isinstance(module, Whitening)]
        self.captured: dict[object, Callable[[Tensor], Tensor]] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [n, 10]."""
        if not (self.network.training and torch.is_grad_enabled()):
            logits: Tensor = self.network(images)
            return logits
        key = (images.shape, *(module.bias_learns for module in self.whitening))
        if key not in self.captured:
            alone = _Wrapper(self.network).train()
            captured = torch.cuda.make_graphed_callables(alone, (torch.zeros_like(images),), allow_unused_input=True)
            self.captured[key] = cast("Callable[[Tensor], Tensor]", captured)
        return self.captured[key](images)
