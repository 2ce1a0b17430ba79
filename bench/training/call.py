"""A network as it is to be called on a device: the same function, however it is computed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.training.blocked import Blocked, can_block
from bench.training.device import Compute
from bench.training.graphs import Graphed


def as_called(network: nn.Sequential, compute: Compute) -> tuple[Callable[[Tensor], Tensor], bool]:
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
