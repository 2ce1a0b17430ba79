"""Accuracy on the whole test set, with test-time augmentation that looks at each image on its own.

And whether a network is after its final evaluation, bit for bit, what it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.training.augment import normalise, reflect_pad

# Images classified at once.
EVALUATION_BATCH = 2000
# Images looked at once more at once: few, since the last batch is filled up.
SECOND_BATCH = 500


class View(NamedTuple):
    """One look at an image: shifted by (`dy`, `dx`) pixels, mirrored or not, with its share of the vote."""

    dy: int
    dx: int
    flip: bool
    weight: float


PLAIN = (View(0, 0, False, 1.0),)
FLIP = tuple(View(0, 0, flip, 0.5) for flip in (False, True))
# The centre has half of the vote, the two diagonal shifts a quarter each; all of them also mirrored.
FLIP_AND_SHIFT = tuple(
    View(dy, dx, flip, weight / 2)
    for dy, dx, weight in ((0, 0, 0.5), (-1, -1, 0.25), (1, 1, 0.25))
    for flip in (False, True)
)


@torch.inference_mode()
def logits(network: Callable[[Tensor], Tensor], images: Tensor, views: tuple[View, ...], dtype: torch.dtype) -> Tensor:
    """The weighted mean of the network's outputs over `views`: float [n, classes].

    `images` is uint8 [n, size, size, 3]; shifted views are filled by reflection.
    """
    size = images.shape[1]
    pad = max(max(abs(view.dy), abs(view.dx)) for view in views)
    padded = normalise(reflect_pad(images, pad), dtype)
    total: Tensor | float = 0.0
    for dy, dx, flip, weight in views:
        seen = padded[:, :, pad + dy : pad + dy + size, pad + dx : pad + dx + size]
        seen = (seen.flip(-1) if flip else seen).contiguous(memory_format=torch.channels_last)
        total = total + weight * network(seen).float()
    return torch.as_tensor(total)


# The outputs of a network for uint8 images [n, size, size, 3] in some views: float [n, classes].
Look = Callable[[Tensor, tuple[View, ...]], Tensor]


def outputs(look: Look, images: Tensor, views: tuple[View, ...], batch: int = EVALUATION_BATCH) -> Tensor:
    """What `look` says of `images`, with at most `batch` of them in memory as the network sees them."""
    return torch.cat([look(chunk, views) for chunk in images.split(batch)])


def accuracy(
    look: Look, images: Tensor, labels: Tensor, views: tuple[View, ...], batch: int = EVALUATION_BATCH
) -> float:
    """The share of `images` (uint8 [n, size, size, 3]) classified as `labels` (int64 [n]) say, in 0..1."""
    return (outputs(look, images, views, batch).argmax(1) == labels).sum().item() / len(labels)


def look_again(look: Look, images: Tensor, chosen: Tensor, views: tuple[View, ...]) -> Tensor:
    """What `look` says of the images `chosen` (int64 [n], SECOND_BATCH at most): float [n, classes].

    It is shown a whole batch, of a size the network has met: filled up with repeats.
    """
    filled = chosen[torch.arange(SECOND_BATCH, device=chosen.device) % len(chosen)]
    return look(images[filled], views)[: len(chosen)]


@torch.inference_mode()
def evaluate_uncertain(
    look: Look,
    images: Tensor,
    labels: Tensor,
    first: tuple[View, ...],
    views: tuple[View, ...],
    sure: float,
) -> float:
    """As `accuracy`, but only images on which `first` leaves doubt are seen in all `views`.

    An image is in doubt where its largest probability is below `sure`, a number fixed beforehand: each image is
    judged on its own, whatever the others are.
    """
    seen = outputs(look, images, first)
    guess = seen.argmax(1)
    doubt = (seen.softmax(1).amax(1) < sure).nonzero()[:, 0]
    for chunk in doubt.split(SECOND_BATCH) if len(doubt) else ():
        guess[chunk] = look_again(look, images, chunk, views).argmax(1)
    return (guess == labels).sum().item() / len(labels)


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
