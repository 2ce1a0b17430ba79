"""myrtle: David Page's DAWNBench entry of 2018-11-06, the heart of the claim.

94.08 % in 74.04 s on a V100 (AWS p3.2xlarge), $0.0629; 79 s with validation. 35 of 50 runs reached 94 %. 6.57 M
parameters; 2,712 TFLOP a run.

Network   ResNet-9, each convolution followed by BN and ReLU: conv 64; conv 128, maxpool 2, residual of two convs; conv
          256, maxpool 2; conv 512, maxpool 2, residual of two convs; maxpool 4; linear without bias; logits x 0.125.
Data      batch 512 (97 steps an epoch, the incomplete one dropped), reflected border of 4, random crop, random flip,
          cutout 8x8.
Loss      cross-entropy, summed over the batch.
Optimiser SGD Nesterov 0.9; learning rate per image 0 -> 0.4 at epoch 5 -> 0 at epoch 24; weight decay 5e-4 per image.
Test      the plain image.

Source of the numbers: github.com/davidcpage/cifar10-fast and the DAWNBench entry. Written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from bench.training.api import (
    Augmented,
    Cifar10,
    Compute,
    Conv3x3,
    GlobalMaxPool,
    Knots,
    MaxPool,
    Residual,
    Scale,
    ScheduledSgd,
    Training,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rate and weight decay are for the mean loss; the rate is by epoch."""

    width: int = 64
    batch: int = 512
    epochs: float = 24
    pad: int = 4
    cutout: int = 8
    lr: Knots = ((0, 0.0), (5, 0.4), (24, 0.0))
    momentum: float = 0.9
    weight_decay: float = 5e-4


def resnet9(
    first: nn.Sequential, block: Callable[[int, int, bool], nn.Sequential], width: int, factor: float
) -> nn.Sequential:
    """Logits of [n, 3, 32, 32]. `first` gives `width` channels; `block` (C_in, C_out, whether to pool) is repeated."""
    two, four, eight = 2 * width, 4 * width, 8 * width
    return nn.Sequential(
        first,
        block(width, two, True),
        Residual(block(two, two, False), block(two, two, False)),
        block(two, four, True),
        block(four, eight, True),
        Residual(block(eight, eight, False), block(eight, eight, False)),
        GlobalMaxPool(),
        nn.Linear(eight, 10, bias=False),
        Scale(factor),
    )


def block(channels: int, width: int, pool: bool) -> nn.Sequential:
    """conv, BN, ReLU, and a pool where asked."""
    layers: list[nn.Module] = [Conv3x3(channels, width), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, *([MaxPool(2)] if pool else []))


class SummedSgd(ScheduledSgd):
    """SGD on a loss that is summed; the rate of a step is that of the point which it reaches."""

    def __init__(self, network: nn.Module, settings: Settings, compute: Compute) -> None:
        super().__init__(
            network.parameters(),
            compute,
            epochs=settings.epochs,
            lr=settings.lr,
            momentum=((0, settings.momentum),),
            weight_decay=settings.weight_decay,
            nesterov=True,
            summed=settings.batch,
            at_step_end=True,
        )


class Trainer(Training):
    """The recipe on one device."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        network = resnet9(block(3, settings.width, False), block, settings.width, 0.125)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs)
        self.settings = settings

    def optimiser(self) -> SummedSgd:
        """SGD on the fresh weights."""
        return SummedSgd(self.network, self.settings, self.compute)

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Lay out the images."""
        s = self.settings
        return self.augmented(generator, pad=s.pad, cutout=s.cutout, flip="random")


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
