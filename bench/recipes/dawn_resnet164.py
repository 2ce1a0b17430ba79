"""dawn-resnet164: the baseline that DAWNBench began with (Stanford, 2017).

94 % after 137 to 161 epochs; 9,101 s on a P100; $8.35 on a p2.xlarge (K80). 1.70 M parameters.

Network   pre-activation ResNet-164: conv 16; three stages of 18 bottlenecks (1x1, 3x3, 1x1) with 16, 32, 64 channels
          inside and four times as many outside, the first of the second and third stage with stride 2; BN, ReLU,
          average pool, linear. Filters start normal with variance 2 / (k^2 C_out).
Data      batch 128 (390 steps an epoch, the incomplete one dropped), black border of 4, random crop, random flip.
Loss      cross-entropy, summed over the batch.
Optimiser SGD momentum 0.9; learning rate 0.01 for 1 epoch, 0.1 for 90, 0.01 for 45, 0.001 for 45: 181 epochs; weight
          decay 5e-4.
Test      the plain image.

float32 throughout, without TF32: that is what there was.

Source of the numbers: github.com/stanford-futuredata/dawn-bench-models and the DAWNBench entries. Written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import nn

from bench.training.api import (
    Augmented,
    Cifar10,
    Compute,
    Knots,
    ScheduledSgd,
    Training,
    activation,
    bottleneck,
    conv,
    eager_on_cpu,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rate and weight decay are for the mean loss; the rate is by epoch."""

    blocks: int = 18  # in each stage
    width: int = 16
    batch: int = 128
    epochs: float = 181
    pad: int = 4
    lr: Knots = ((0, 0.01), (1, 0.01), (1, 0.1), (91, 0.1), (91, 0.01), (136, 0.01), (136, 0.001), (181, 0.001))
    momentum: float = 0.9
    weight_decay: float = 5e-4


def resnet(blocks: int, width: int, block: Callable[[int, int, int], nn.Module] = bottleneck) -> nn.Sequential:
    """[n, 3, 32, 32] images to [n, 10] logits, by three stages of `blocks`."""
    layers, channels = list[nn.Module]([conv(3, width, 3)]), width
    for stage in range(3):
        wide = 4 * width * 2**stage
        for index in range(blocks):
            layers.append(block(channels, wide, 2 if stage and index == 0 else 1))
            channels = wide
    return nn.Sequential(*layers, *activation(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class Trainer(Training):
    """The recipe on one device."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        network = resnet(settings.blocks, settings.width)
        compute = replace(compute, precision=torch.float32)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs)
        self.settings = settings

    def reset(self) -> None:
        """Start from scratch, drawing from torch's global generator."""
        super().reset()
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

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
            nesterov=False,
            summed=s.batch,
        )

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Lay out the images."""
        return self.augmented(generator, pad=self.settings.pad, border="zero", flip="random")

    def flags(self) -> AbstractContextManager[None]:
        """No TF32."""
        return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, eager_on_cpu(compute), Settings())
