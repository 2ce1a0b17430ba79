"""hlb: hlb-CIFAR10 0.7, 12.1 epochs by SGD with an average that it goes on from (tysam-code, 2023).

94 % in 6.3 s on an A100 (as published); 4.33 M parameters.

Network   2x2 whitening convolution to 12 channels and their negatives (frozen, from all training images), GELU; three
          groups of conv 3x3, maxpool 2, BN, GELU, conv 3x3, BN, GELU with 64, 256, 512 channels; global max pool;
          linear without bias; logits x 1/9. BN has no scale. The second conv of a group starts as the identity; the
          first as its random start with the identity added, brought back to the mean and deviation it had.
Data      batch 1024 (48 steps an epoch), random crop from a reflected border of 2, random flip; in the epochs that
          begin within the last 6, CutMix with squares of 3x3 pixels.
Loss      cross-entropy, label smoothing 0.2, summed over the batch.
Optimiser SGD Nesterov 0.85; learning rate 1.525 per 1,024 images; at its peak a step takes 2 x 1.525 x 6.687e-4 of
          every weight away. Batch norm biases learn 64 times faster. The rate rises from 0 to its peak in the first
          23 % of the steps and falls to 0.07 of it.
Average   every 5 steps, keeping 0.95^5 x (step / steps)^3 of itself; the network goes on from it, and it is tested.
Test      two views: the image and its mirror.

Source of the numbers: github.com/tysam-code/hlb-CIFAR10, version 0.7. Written anew. The optimiser is airbench94's,
which took it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.recipes.airbench94 import LookaheadSgd, Settings as Airbench94
from bench.training.api import (
    FLIP,
    Augmented,
    BiasBatchNorm,
    Cifar10,
    Compute,
    Conv3x3,
    DiracConv,
    GlobalMaxPool,
    Knots,
    MaxPool,
    Scale,
    Training,
    View,
    Whitening,
    identity,
    squares,
)

# airbench94 counts all that one gradient moves a weight by, with momentum 0.85; hlb what it moves it by at once.
_IN_ALL = 1 + 1 / (1 - 0.85)


@dataclass(frozen=True)
class Settings(Airbench94):
    """Everything that is fixed, in airbench94's terms."""

    widths: tuple[int, int, int] = (64, 256, 512)
    epochs: float = 12.1
    lr: float = 1.525 * _IN_ALL
    weight_decay: float = 2 * 1.525 * 6.687e-4 * _IN_ALL
    warm_up: Knots = ((0, 0.0), (0.23, 1), (1, 0.07))
    cutmix: int = 3
    cutmix_epochs: float = 6
    whitening_images: int = 50_000
    views: tuple[View, ...] = FLIP


class ImpliedResidual(Conv3x3):
    """A 3x3 convolution that starts with the identity added, at the mean and deviation of torch's own start."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """torch's own start, plus the identity, as large as before."""
        super().reset_parameters()
        deviation, mean = torch.std_mean(self.weight)
        self.weight.add_(identity(self.weight))
        wider, shifted = torch.std_mean(self.weight)
        self.weight.sub_(shifted).mul_(deviation / wider).add_(mean)


def group(channels: int, width: int) -> nn.Sequential:
    """conv, pool, BN, GELU, conv, BN, GELU: half the resolution, `width` channels."""
    return nn.Sequential(
        ImpliedResidual(channels, width),
        MaxPool(2),
        BiasBatchNorm(width),
        nn.GELU(),
        DiracConv(width, width),
        BiasBatchNorm(width),
        nn.GELU(),
    )


class CutMix(Augmented):
    """As Augmented, but from epoch `start` on a square of each image is replaced by that of another one of the batch.

    The labels then are shares of the classes, float [n, 10], by area (Yun et al., 2019, arXiv:1905.04899).
    """

    def __init__(self, *args: Any, side: int, start: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.side, self.start = side, start

    def variant(self, epoch: int) -> bool:
        """Whether images are mixed in `epoch` (from 0)."""
        return epoch >= self.start

    def next(self) -> tuple[Tensor, Tensor]:
        """See Augmented."""
        images, labels = super().next()
        return self._mix(images, labels) if self.variant(self.epoch - 1) else (images, labels)

    def _mix(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        n, generator = len(images), self.generator
        other = torch.randperm(n, generator=generator, device=images.device)
        top, left = torch.randint(self.size - self.side + 1, (2, n), generator=generator, device=images.device)
        mixed = torch.where(squares(top, left, self.side, self.size), images[other], images)
        shares = F.one_hot(labels, 10).float()
        return (
            mixed.contiguous(memory_format=torch.channels_last),
            shares.lerp(shares[other], self.side**2 / self.size**2),
        )


class Trainer(Training):
    """The recipe on one device."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        first, second, third = settings.widths
        self.whitening = Whitening(2, negatives=True, bias=False)
        network = nn.Sequential(
            self.whitening,
            nn.GELU(),
            group(self.whitening.out_channels, first),
            group(first, second),
            group(second, third),
            GlobalMaxPool(),
            nn.Linear(third, 10, bias=False),
            Scale(1 / 9),
        )
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs, views=settings.views)
        self.settings, self.label_smoothing = settings, settings.label_smoothing

    def optimiser(self) -> LookaheadSgd:
        """SGD on the fresh weights."""
        return LookaheadSgd(self.network, self.settings, self.compute)

    def prepare(self, generator: torch.Generator) -> CutMix:
        """Fit the whitening and lay out the images."""
        s = self.settings
        self.whiten(self.whitening, s.whitening_images, eps=1e-2)
        start = s.epochs - s.cutmix_epochs
        return self.augmented(generator, CutMix, pad=s.pad, flip="random", side=s.cutmix, start=start)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
