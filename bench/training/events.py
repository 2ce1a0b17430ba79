"""What a recipe reports while it trains. It knows no clock, store or price; phases are named as records name them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch

from bench.record.documents import PhaseName

# What torch, its CPU allocator and CUDA's libraries say, in lower case, where they raise a plain RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed", "allocation_failed")


class Events(Protocol):
    """The listener a recipe is given. Every call but `phase` is cheap and off the device."""

    def phase(self, name: PhaseName, epoch: float | None = None) -> AbstractContextManager[None]:
        """Around a stretch of work. Both edges wait for the device."""

    def stepped(self, step: int, steps: int, images: int) -> None:
        """After each optimiser step: `step` of `steps`, `images` in its batch. Does not wait for the device."""

    def loss(self, mean: float) -> None:
        """The mean training loss per image, read now and then. Raises Diverged where it is no number."""

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """After an evaluation on the whole test set; `accuracy` in 0..1, `views` of each image averaged."""


class Diverged(Exception):  # noqa: N818 -- a state of a training run, not a defect
    """The loss is no longer a number."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether what failed is memory that the device or the host did not have."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


class Silent:
    """Events that nobody listens to: a warm-up."""

    def phase(self, name: PhaseName, epoch: float | None = None) -> AbstractContextManager[None]:
        """See Events."""
        return nullcontext()

    def stepped(self, step: int, steps: int, images: int) -> None:
        """See Events."""

    def loss(self, mean: float) -> None:
        """See Events."""

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """See Events."""
