"""Averages of a network's weights over its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


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
    def hand_over(self) -> None:
        """Have the network go on from the average (lookahead: Zhang et al., 2019, arXiv:1907.08610)."""
        torch._foreach_copy_(self.live, self.slow)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network holds the average inside, and its own weights again afterwards."""
        with torch.no_grad():
            own = [value.clone() for value in self.live]
            self.hand_over()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.live, own)
