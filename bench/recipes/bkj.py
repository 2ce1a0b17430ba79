"""bkj: the fastest single GPU when DAWNBench closed (Ben Johnson, 2018-04-20).

94 % in 340.63 s on a V100 (AWS p3.2xlarge, $3.06/h), $0.2895, validation included. 6 of 7 runs reached 94 %; the one
in the middle was submitted. 5.2 M parameters.

Network   pre-activation ResNet-18: conv 64, BN, ReLU; four stages of 2 blocks with 64, 128, 256, 256 channels, the
          later ones begun with stride 2; the average and the maximum of each map side by side; linear.
Data      batch 128 (390 steps an epoch, the incomplete one dropped), reflected border of 4, random crop, random flip.
Loss      cross-entropy, summed over the batch.
Optimiser SGD Nesterov 0.9; learning rate 0 -> 0.1 at epoch 15 -> 0.005 at epoch 30 -> 0 at epoch 35, and five epochs
          more at 0, in which only the running statistics move; weight decay 5e-4.
Test      the plain image.

On a GPU weights, gradients and momentum are in half precision; batch norm is in float32, as in all recipes here.

Source of the numbers: github.com/bkj/basenet and the DAWNBench entry. Written anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.training.api import (
    Augmented,
    Cifar10,
    Compute,
    Knots,
    ScheduledSgd,
    Training,
    activation,
    basic,
    conv,
    eager_on_cpu,
    global_max,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rate and weight decay are for the mean loss; the rate is by epoch."""

    widths: tuple[int, ...] = (64, 128, 256, 256)
    blocks: int = 2  # in each stage
    batch: int = 128
    epochs: float = 40
    pad: int = 4
    lr: Knots = ((0, 0.0), (15, 0.1), (30, 0.005), (35, 0.0))
    momentum: float = 0.9
    weight_decay: float = 5e-4


class AverageAndMax(nn.Module):
    """[n, C, h, w] to [n, 2 C]: the average of each map, then the maximum."""

    def forward(self, x: Tensor) -> Tensor:
        """Both, side by side."""
        return torch.cat([x.mean((2, 3)), global_max(x)], 1)


def resnet18(widths: tuple[int, ...], blocks: int) -> nn.Sequential:
    """[n, 3, 32, 32] images to [n, 10] logits."""
    channels = widths[0]
    layers: list[nn.Module] = [conv(3, channels, 3), *activation(channels)]
    for stage, width in enumerate(widths):
        for index in range(blocks):
            layers.append(basic(channels, width, 2 if stage and index == 0 else 1))
            channels = width
    return nn.Sequential(*layers, AverageAndMax(), nn.Linear(2 * channels, 10))


class Trainer(Training):
    """The recipe on one device."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        network = resnet18(settings.widths, settings.blocks)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs)
        self.settings = settings

    def optimiser(self) -> ScheduledSgd:
        """SGD on the fresh weights."""
        s = self.settings
        return ScheduledSgd(
            self.network.parameters(),
            self.compute,
            epochs=s.epochs,
            lr=s.lr,
            momentum=((0, s.momentum),),
            weight_decay=s.weight_decay,
            nesterov=True,
            summed=s.batch,
        )

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Lay out the images."""
        return self.augmented(generator, pad=self.settings.pad, flip="random")


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, eager_on_cpu(compute), Settings())
