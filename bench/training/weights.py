"""The fingerprint of a network's weights: whether they are, bit for bit, what they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# As wide as what is fingerprinted: its bits are taken as an integer.
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_NAMED = 3


class WeightsChangedError(Exception):
    """A network was another after its final evaluation than before: what was evaluated is not what was trained."""


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Around a final evaluation: raises WeightsChangedError where a parameter or a buffer is not as it was before it.

    The device is not waited for before the evaluation: the first fingerprint is compared after it. Weights that are
    swapped in for the evaluation alone, such as an average, are not seen: those that were trained are, once back.
    """
    before = fingerprints(network)
    yield
    after = fingerprints(network)
    changed = [
        name
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or not torch.equal(before[name], after[name])
    ]
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise WeightsChangedError(
            f"{', '.join(changed[:_NAMED])}{more} changed in the final evaluation, so its accuracy is not that of the "
            "trained network"
        )


@torch.no_grad()
def fingerprints(network: nn.Module) -> dict[str, Tensor]:
    """By name of each parameter and buffer, an int64 on its device that any change of a single element changes."""
    return {name: _fingerprint(tensor) for name, tensor in (*network.named_parameters(), *network.named_buffers())}


def _fingerprint(tensor: Tensor) -> Tensor:
    """Bits times odd weights, modulo 2^64: exact, so the order in which a GPU adds does not matter."""
    bits = tensor.detach().view(_INTEGERS[tensor.element_size()]).flatten().to(torch.int64)
    return (bits * torch.arange(1, 2 * bits.numel() + 1, 2, device=bits.device)).sum()
