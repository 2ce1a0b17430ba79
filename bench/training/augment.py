"""Augmentation on the device: uint8 images in, a normalised and augmented batch out.

Images are kept as uint8 [n, height, width, 3], reflect-padded once. A batch is one gather: its indices do the
shuffle, the crop and the flip together, and what comes out lies channels-last in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# Mean and standard deviation of CIFAR-10's training images by channel, on the 0..1 scale.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

# Red, green and blue in luminance (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.tensor(MEAN, device=device) * 255, torch.tensor(STD, device=device) * 255


def normalise(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 [n, h, w, 3] to `dtype` [n, 3, h, w], channels-last in memory, mean 0 and deviation 1 by channel."""
    mean, std = _statistics(images.device)
    return ((images.float() - mean) / std).to(dtype).permute(0, 3, 1, 2)


def reflect_pad(images: Tensor, pad: int) -> Tensor:
    """uint8 [n, h, w, 3] to [n, h + 2 pad, w + 2 pad, 3], mirrored at the edges without repeating them."""
    if pad == 0:
        return images
    height, width = images.shape[1:3]

    def mirrored(length: int) -> Tensor:
        # The positions 0..length-1 are padded as an image of one row would be, and then index the images.
        row = torch.arange(length, device=images.device, dtype=torch.float32)
        return F.pad(row[None, None], (pad, pad), mode="reflect")[0, 0].long()

    return images[:, mirrored(height)][:, :, mirrored(width)].contiguous()


def zero_pad(images: Tensor, pad: int) -> Tensor:
    """uint8 [n, h, w, 3] to [n, h + 2 pad, w + 2 pad, 3], with a black border."""
    return F.pad(images, (0, 0, pad, pad, pad, pad))


def squares(top: Tensor, left: Tensor, side: int, size: int) -> Tensor:
    """Where images [n, C, size, size] have a square of `side` pixels at (`top`, `left`): bool [n, 1, size, size]."""
    along = torch.arange(size, device=top.device)
    down, across = ((along >= start[:, None]) & (along < start[:, None] + side) for start in (top, left))
    return (down[:, :, None] & across[:, None, :])[:, None]


class Augmented:
    """Random crops from a padded border and flips, epoch after epoch; the incomplete last batch is dropped.

    `images` is uint8 [n, size, size, 3], `labels` int64 [n], `pad` the border's width, mirrored or black.
    `flip`: "random" mirrors each image with probability 1/2 each time. "alternating" draws once for each image, then
    flips all of them every other epoch, so that two neighbouring epochs see each image both ways (Keller Jordan,
    airbench, 2024).
    `cutout`: the side of a square, at a random place inside the image, that is set to the mean (DeVries, Taylor, 2017).
    `shard` = (rank, ranks): this process's part of every batch. All ranks draw alike and cut the same batch up.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch: int,
        pad: int,
        dtype: torch.dtype,
        generator: torch.Generator,
        flip: Literal["random", "alternating"] = "alternating",
        border: Literal["reflect", "zero"] = "reflect",
        cutout: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self.padded = (reflect_pad if border == "reflect" else zero_pad)(images, pad)
        self.labels = labels
        self.size, self.shifts, self.batch, self.dtype = images.shape[1], 2 * pad + 1, batch, dtype
        self.generator, self.alternating, self.cutout, self.shard = generator, flip == "alternating", cutout, shard
        self.first_flip = self._random(2, len(images)).bool() if self.alternating else None
        self.epoch = 0
        self.picked = torch.empty(0, dtype=torch.int64, device=images.device)  # the images of the last batch

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.labels) // self.batch

    def _random(self, high: int, n: int) -> Tensor:
        return torch.randint(high, (n,), generator=self.generator, device=self.padded.device)

    def shuffled(self, n: int) -> Tensor:
        """0..n-1 in a random order."""
        return torch.randperm(n, generator=self.generator, device=self.padded.device)

    def order(self) -> Tensor:
        """The images of this epoch, in their order: int64 [n]."""
        return self.shuffled(len(self.labels))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of (`dtype` [batch, 3, size, size], int64 [batch]), or of this shard's part of it."""
        n, (rank, ranks) = len(self.labels), self.shard
        order = self.order()
        rows, columns = self._random(self.shifts, n), self._random(self.shifts, n)
        flips = self._random(2, n).bool() if self.first_flip is None else self.first_flip ^ bool(self.epoch % 2)
        holes = [self._random(self.size - self.cutout + 1, n) for _ in range(2)] if self.cutout else []
        for whole in order[: len(self) * self.batch].split(self.batch):
            self.picked = picked = whole.tensor_split(ranks)[rank]
            images = normalise(self._cut(picked, rows, columns, flips), self.dtype)
            if holes:
                top, left = (each[picked] for each in holes)
                images.masked_fill_(squares(top, left, self.cutout, self.size), 0)
            yield images, self.labels[picked]
        self.epoch += 1

    def _cut(self, picked: Tensor, rows: Tensor, columns: Tensor, flips: Tensor) -> Tensor:
        """Crop and flip the images `picked` in one gather: uint8 [batch, size, size, 3]."""
        along = torch.arange(self.size, device=picked.device)
        across = torch.where(flips[picked, None], along.flip(0), along)
        y = rows[picked, None] + along
        x = columns[picked, None] + across
        return self.padded[picked[:, None, None], y[:, :, None], x[:, None, :]]


class Jittered(Augmented):
    """Augmented, with each image's brightness, contrast and saturation changed at random, and turned a little.

    Each of the three factors lies in 1 - `colour` .. 1 + `colour`, the angle within `degrees` either way. Without
    rounding and clipping, the order of the three makes no difference; here the image is clipped once, after them.
    Turning takes the nearest pixel, black outside the image.
    """

    def __init__(self, *args: Any, colour: float, degrees: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.colour, self.degrees = colour, degrees
        self.draws = torch.empty(0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """See Augmented."""
        device = self.padded.device
        self.draws = torch.rand(len(self.labels), 4, generator=self.generator, device=device) * 2 - 1
        return super().__iter__()

    def _cut(self, picked: Tensor, rows: Tensor, columns: Tensor, flips: Tensor) -> Tensor:
        draws = self.draws[picked]
        images = recolour(super()._cut(picked, rows, columns, flips), 1 + self.colour * draws[:, :3])
        return rotate(images, math.radians(self.degrees) * draws[:, 3])


def recolour(images: Tensor, factors: Tensor) -> Tensor:
    """Images 0..255 [n, h, w, 3] with brightness, contrast and saturation times `factors` [n, 3]: float32."""
    brightness, contrast, saturation = factors.view(-1, 3, 1, 1, 1).unbind(1)
    x = images.float() * brightness
    grey = (x * torch.tensor(_LUMA, device=x.device)).sum(-1, keepdim=True)
    x = torch.lerp(grey.mean((1, 2), keepdim=True), x, contrast)
    grey = torch.lerp(grey.mean((1, 2), keepdim=True), grey, contrast)
    return torch.lerp(grey, x, saturation).clamp(0, 255)


def rotate(images: Tensor, angles: Tensor) -> Tensor:
    """Float images [n, h, w, 3] turned about their centre by `angles` [n], in radians."""
    sin, cos, zero = angles.sin(), angles.cos(), torch.zeros_like(angles)
    matrices = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    x = images.permute(0, 3, 1, 2)
    grid = F.affine_grid(matrices, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False).permute(0, 2, 3, 1).contiguous()


class Focused(Augmented):
    """As Augmented, but from epoch `start` (from 0) on it shows only the `share` of the images with the largest losses.

    The losses are those that each image had when it was last seen, so they cost nothing; `record_losses` keeps them.
    An epoch stays as long, and so shows some of these images more than once.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, start: int, share: float, **options: Any) -> None:
        super().__init__(images, labels, **options)
        self.start, self.kept = start, round(share * len(labels))
        self.losses = torch.full((len(labels),), math.inf, device=labels.device)

    def record_losses(self, losses: Tensor) -> None:
        """Keep the losses [batch] of the images that came last."""
        self.losses[self.picked] = losses

    def order(self) -> Tensor:
        """The images of this epoch, in their order: int64 [n]."""
        if self.epoch < self.start:
            return super().order()
        hardest = self.losses.topk(self.kept).indices
        passes = [hardest[self.shuffled(self.kept)] for _ in range(math.ceil(len(self.labels) / self.kept))]
        return torch.cat(passes)[: len(self.labels)]
