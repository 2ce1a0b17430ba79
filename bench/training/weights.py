"""Whether a network's weights are, bit for bit, what they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_NAMED = 3


class WeightsChangedError(Exception):
    """A network was another after its final evaluation than before: what was evaluated is not what was trained."""


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Around a final evaluation: raises WeightsChangedError where a parameter or a buffer is not as it was before it.

    Weights that are swapped in for the evaluation alone, such as an average, are not seen: those that were trained
    are, once back.
    """
    before = _bits(network)
    yield
    after = _bits(network)
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


def _bits(network: nn.Module) -> dict[str, Tensor]:
    """By name of each parameter and buffer, a copy of its bytes on the host: NaN is the same as itself there."""
    known = (*network.named_parameters(), *network.named_buffers())
    return {name: each.detach().to("cpu", copy=True).flatten().view(torch.uint8) for name, each in known}
