"""Augmentation on the device: uint8 images in, a normalised and augmented batch out.

Images are kept as uint8 [n, height, width, 3], reflect-padded once. A batch is one gather: its indices do the
shuffle, the crop and the flip together, and what comes out lies channels-last in memory.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.training.device import Compute

# Mean and standard deviation of CIFAR-10's training images by channel, on the 0..1 scale.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

# Red, green and blue in luminance (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


@cache
def statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the channels on the 0..255 scale, on `device`: float32 [3] each."""
    return torch.tensor(MEAN, device=device) * 255, torch.tensor(STD, device=device) * 255


def normalise(images: Tensor, dtype: torch.dtype, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """uint8 [n, h, w, 3] to `dtype` [n, 3, h, w], channels-last in memory, mean 0 and deviation 1 by channel.

    `known` are the `statistics`, where this is compiled: there they cannot be looked up.
    """
    mean, std = known or statistics(images.device)
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
    Of every batch this process takes the part of its rank. All ranks draw alike and cut the same batch up.

    `draw` begins an epoch, and `next` is work of the device alone: it reads there how far the epoch has come.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch: int,
        pad: int,
        compute: Compute,
        generator: torch.Generator,
        flip: Literal["random", "alternating"] = "alternating",
        border: Literal["reflect", "zero"] = "reflect",
        cutout: int = 0,
    ) -> None:
        n, self.device = len(labels), images.device
        self.statistics = statistics(self.device)
        self.padded = compute.keep((reflect_pad if border == "reflect" else zero_pad)(images, pad))
        self.labels = labels
        self.size, self.shifts, self.batch, self.dtype = images.shape[1], 2 * pad + 1, batch, compute.dtype
        self.compute, self.generator, self.cutout = compute, generator, cutout
        self.first_flip = self._random(2, n).bool() if flip == "alternating" else None
        self.epoch = 0  # the next one to be drawn, from 0

        def empty(dtype: torch.dtype = torch.int64, *shape: int) -> Tensor:
            return compute.keep(torch.zeros(shape or (n,), dtype=dtype, device=self.device))

        self.shuffle, self.rows, self.columns, self.flips = empty(), empty(), empty(), empty(torch.bool)
        self.holes = empty(torch.int64, 2, n) if cutout else None
        mine = torch.arange(batch, device=self.device).tensor_split(compute.ranks)[compute.rank]
        self.positions = compute.keep(mine)
        self.at = compute.keep(torch.zeros((), dtype=torch.int64, device=self.device))
        self.picked = self.positions  # the images of the last batch
        fused = compute.captures and compute.compiles
        self._load = torch.compile(self._batch, dynamic=False) if fused else self._batch

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.labels) // self.batch

    def variant(self, epoch: int) -> Hashable:
        """What makes a batch of `epoch` (from 0) another function of the device than one of other epochs."""
        return None

    def _random(self, high: int, n: int) -> Tensor:
        return torch.randint(high, (n,), generator=self.generator, device=self.device)

    def shuffled(self, n: int) -> Tensor:
        """0..n-1 in a random order."""
        return torch.randperm(n, generator=self.generator, device=self.device)

    def order(self) -> Tensor:
        """The images of this epoch, in their order: int64 [n]."""
        return self.shuffled(len(self.labels))

    def draw(self) -> None:
        """Draw the order, crops and flips of the next epoch, and go to its beginning."""
        n = len(self.labels)
        self.shuffle.copy_(self.order())
        self.rows.copy_(self._random(self.shifts, n))
        self.columns.copy_(self._random(self.shifts, n))
        self.flips.copy_(
            self._random(2, n).bool() if self.first_flip is None else self.first_flip ^ bool(self.epoch % 2)
        )
        if self.holes is not None:
            for along in self.holes:
                along.copy_(self._random(self.size - self.cutout + 1, n))
        self.rewind()
        self.epoch += 1

    def rewind(self) -> None:
        """Go to the beginning of the epoch again."""
        self.at.zero_()

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch, or this process's part of it: `dtype` [batch, 3, size, size], int64 [batch]."""
        images, labels, self.picked = self._load()
        self.at += self.batch
        return images, labels

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        picked = self.shuffle[self.at + self.positions]
        return self._images(picked), self.labels[picked], picked

    def _images(self, picked: Tensor) -> Tensor:
        images = normalise(self._crop(picked), self.dtype, self.statistics)
        if self.holes is not None:
            top, left = self.holes[:, picked]
            images.masked_fill_(squares(top, left, self.cutout, self.size), 0)
        return images

    def _crop(self, picked: Tensor) -> Tensor:
        """Crop and flip the images `picked` in one gather: uint8 [batch, size, size, 3]."""
        along = torch.arange(self.size, device=picked.device)
        across = torch.where(self.flips[picked, None], along.flip(0), along)
        y = self.rows[picked, None] + along
        x = self.columns[picked, None] + across
        return self.padded[picked[:, None, None], y[:, :, None], x[:, None, :]]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the next epoch."""
        self.draw()
        return (self.next() for _ in range(len(self)))


class Jittered(Augmented):
    """Augmented, with each image's brightness, contrast and saturation changed at random, and turned a little.

    Each of the three factors lies in 1 - `colour` .. 1 + `colour`, the angle within `degrees` either way. Without
    rounding and clipping, the order of the three makes no difference; here the image is clipped once, after them.
    Turning takes the nearest pixel, black outside the image.
    """

    def __init__(self, *args: Any, colour: float, degrees: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.colour, self.degrees = colour, degrees
        self.draws = self.compute.keep(torch.zeros(len(self.labels), 4, device=self.device))

    def draw(self) -> None:
        """See Augmented."""
        self.draws.copy_(torch.rand(self.draws.shape, generator=self.generator, device=self.device) * 2 - 1)
        super().draw()

    def _crop(self, picked: Tensor) -> Tensor:
        draws = self.draws[picked]
        images = recolour(super()._crop(picked), 1 + self.colour * draws[:, :3])
        return rotate(images, math.radians(self.degrees) * draws[:, 3])


def recolour(images: Tensor, factors: Tensor) -> Tensor:
    """Images 0..255 [n, h, w, 3] with brightness, contrast and saturation times `factors` [n, 3]: float32."""
    brightness, contrast, saturation = factors.view(-1, 3, 1, 1, 1).unbind(1)
    x = images.float() * brightness
    red, green, blue = (share * x[..., each, None] for each, share in enumerate(_LUMA))
    grey = red + green + blue
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

    def __init__(self, *args: Any, start: int, share: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.start, self.kept = start, round(share * len(self.labels))
        self.losses = self.compute.keep(torch.full((len(self.labels),), math.inf, device=self.device))

    def record_losses(self, losses: Tensor) -> None:
        """Keep the losses [batch] of the images that came last."""
        self.losses[self.picked] = losses.to(self.losses.dtype)

    def order(self) -> Tensor:
        """The images of this epoch, in their order: int64 [n]."""
        if self.epoch < self.start:
            return super().order()
        hardest = self.losses.topk(self.kept).indices
        passes = [hardest[self.shuffled(self.kept)] for _ in range(math.ceil(len(self.labels) / self.kept))]
        return torch.cat(passes)[: len(self.labels)]
