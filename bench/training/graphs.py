"""CUDA graphs of a network's training step, for GPUs on which torch.compile does not pay.

On a V100 the many small kernels of these networks are launched more slowly than they run. A captured graph is
launched whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from bench.training.layers import Whitening


class _Alone(nn.Module):
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
            alone = _Alone(self.network).train()
            captured = torch.cuda.make_graphed_callables(alone, (torch.zeros_like(images),), allow_unused_input=True)
            self.captured[key] = cast("Callable[[Tensor], Tensor]", captured)
        return self.captured[key](images)
