"""myrtle-tricks: David Page's bag of tricks, ten epochs with flipped views in testing (2019).

94.1 % on average in 26 s on a V100 (as published), 1,148 TFLOP a run.

Network   the ResNet-9 of myrtle, with a pool before the batch norm of its conv, and CELU 0.3. At its head a frozen
          3x3 convolution whitens the patches (27 filters, from the first 10,000 images), then a 1x1 conv to 64.
          Batch norm is over groups of 32 images, its scale frozen at 1; logits x 1/16.
Data      batch 512 (97 steps an epoch), reflected border of 4, random crop, random flip.
Loss      cross-entropy, label smoothing 0.2, summed over the batch.
Optimiser SGD Nesterov 0.9; learning rate 0 -> 1 at epoch 2 -> 0.1 at epoch 8, then flat to epoch 10; weight decay
          5e-4. Batch norm biases learn 64 times faster and decay 64 times less.
Average   exponential moving average of the weights, 0.99 a step, taken every 5 steps; it is what is tested.
Test      two views: the image and its mirror.

Source of the numbers: David Page, "How to train your ResNet 8: bag of tricks". Written anew.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from bench.recipes.myrtle import resnet9
from bench.training.api import (
    FLIP,
    Augmented,
    Average,
    Cifar10,
    Compute,
    Conv3x3,
    GhostBatchNorm,
    Knots,
    MaxPool,
    ScheduledSgd,
    Training,
    View,
    Whitening,
    split_biases,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rate and weight decay are for the mean loss; the rate is by epoch."""

    width: int = 64
    batch: int = 512
    epochs: float = 10
    pad: int = 4
    cutout: int = 0
    label_smoothing: float = 0.2
    lr: Knots = ((0, 0.0), (2, 1.0), (8, 0.1))
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_factor: float = 64
    ghost: int = 32
    whitening_images: int = 10_000
    average_every: int = 5
    average_decay: float = 0.99
    views: tuple[View, ...] = FLIP


def block(ghost: int, channels: int, width: int, pool: bool) -> nn.Sequential:
    """conv, a pool where asked, BN over groups of `ghost` images, CELU."""
    norm = GhostBatchNorm(width, ghost, train_scale=False)
    pools = [MaxPool(2)] if pool else []
    return nn.Sequential(Conv3x3(channels, width), *pools, norm, nn.CELU(0.3))


class AveragedSgd(ScheduledSgd):
    """SGD as in myrtle, and the moving average."""

    def __init__(self, network: nn.Module, settings: Settings, compute: Compute) -> None:
        self.settings = settings
        biases, rest = split_biases(network, GhostBatchNorm)
        factor, decay = settings.bias_factor, settings.weight_decay * settings.batch
        groups: list[dict[str, Any]] = [
            {"params": biases, "factor": factor, "weight_decay": decay / factor},
            {"params": rest},
        ]
        super().__init__(
            groups,
            compute,
            epochs=settings.epochs,
            lr=settings.lr,
            momentum=((0, settings.momentum),),
            weight_decay=settings.weight_decay,
            nesterov=True,
            summed=settings.batch,
            at_step_end=True,
        )
        self.average = Average(network, compute)

    def after_step(self, step: int, steps: int) -> None:
        """Move the average where it is time to."""
        if (step + 1) % self.settings.average_every == 0:
            self.average.update(self.settings.average_decay**self.settings.average_every)


class Trainer(Training):
    """The recipe on one device. `settings` makes its relatives."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        self.whitening = Whitening(3, negatives=False, bias=False, padding=1)
        norm = GhostBatchNorm(settings.width, settings.ghost, train_scale=False)
        mixed = nn.Conv2d(self.whitening.out_channels, settings.width, 1, bias=False)
        first = nn.Sequential(self.whitening, mixed, norm, nn.CELU(0.3))
        network = resnet9(first, partial(block, settings.ghost), settings.width, 1 / 16)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs, views=settings.views)
        self.settings, self.label_smoothing = settings, settings.label_smoothing

    def optimiser(self) -> AveragedSgd:
        """SGD on the fresh weights, and their average."""
        optimiser = AveragedSgd(self.network, self.settings, self.compute)
        self.average = optimiser.average
        return optimiser

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Fit the whitening and lay out the images."""
        s = self.settings
        self.whiten(self.whitening, s.whitening_images, eps=1e-2)
        return self.augmented(generator, pad=s.pad, cutout=s.cutout, flip="random")

    def averaged(self) -> AbstractContextManager[None]:
        """The average is what is tested."""
        return self.average.swap_weights()


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
