"""fastai-wrn: the fastest, on 8 GPUs, and the cheapest, on one, when DAWNBench closed (fast.ai, 2018-04).

94 % in 173.96 s on eight V100 (AWS p3.16xlarge, $24.48/h), $1.183; in 404.08 s on one (Paperspace, $2.30/h), $0.2582.
Validation is included. 9.7 M parameters.

Network   WRN-22-6: conv 16; three groups of 3 pre-activation blocks with 96, 192, 384 channels, the later ones begun
          with stride 2; BN, ReLU, average pool, linear. A block adds a fifth of its branch to what it carries, and
          it carries its input after BN and ReLU.
Data      reflected border of 4, random crop, brightness, contrast and saturation changed by up to a quarter, turned by
          up to 2 degrees, random flip. The incomplete batch of an epoch is dropped.
Loss      cross-entropy, the mean over the batch; in half precision times 512.
Optimiser SGD on float32 copies of the weights. One cycle: the learning rate rises from peak / start to the peak and
          falls back by the same way, while momentum goes 0.95 -> 0.85 -> 0.95; in the tail, the rest of the epochs, the
          rate falls to a hundredth of peak / start.
          1 GPU: batch 512, 30 epochs, peak 1.5, start 20, tail 20 % of the epochs, weight decay 1e-4.
          8 GPUs: 128 images on each, 40 epochs, peak 2.0, start 50, tail 12.5 %, weight decay 2e-4. Batch norm sees
          the 128 images. With another number of GPUs the peak is in proportion, which nobody has published.
Test      the plain image.

Source of the numbers: github.com/fastai/imagenet-fast (cifar10) and the DAWNBench entries. Written anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.training.api import (
    Cifar10,
    Compute,
    Jittered,
    Knots,
    MasterWeights,
    ScheduledSgd,
    activation,
    basic,
    conv,
    eager_on_cpu,
)
from bench.training.parallel import ParallelTraining

LOSS_SCALE = 512


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed, for one GPU. `tail` is a share of the epochs."""

    blocks: int = 3  # in each group
    widen: int = 6
    batch: int = 512
    epochs: float = 30
    peak: float = 1.5
    start: float = 20
    tail: float = 0.2
    momentum: tuple[float, float] = (0.95, 0.85)
    weight_decay: float = 1e-4
    pad: int = 4
    colour: float = 0.25
    degrees: float = 2

    @property
    def lr(self) -> Knots:
        """The learning rate by epoch."""
        low, cycle = self.peak / self.start, self.epochs * (1 - self.tail)
        return ((0, low), (cycle / 2, self.peak), (cycle, low), (self.epochs, low / 100))

    @property
    def momenta(self) -> Knots:
        """The momentum by epoch."""
        high, low = self.momentum
        cycle = self.epochs * (1 - self.tail)
        return ((0, high), (cycle / 2, low), (cycle, high))


def settings_for(gpus: int) -> Settings:
    """What was submitted for that many GPUs, or what comes nearest."""
    if gpus == 1:
        return Settings()
    return Settings(batch=128 * gpus, epochs=40, peak=2.0 * gpus / 8, start=50, tail=0.125, weight_decay=2e-4)


def wide_resnet(blocks: int, widen: int) -> nn.Sequential:
    """[n, 3, 32, 32] images to [n, 10] logits, by three groups of `blocks`."""
    layers, channels = list[nn.Module]([conv(3, 16, 3)]), 16
    for group in range(3):
        width = 16 * widen * 2**group
        for index in range(blocks):
            stride = 2 if group and index == 0 else 1
            layers.append(basic(channels, width, stride, factor=0.2, carry_activated=True))
            channels = width
    return nn.Sequential(*layers, *activation(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class MasterSgd(ScheduledSgd):
    """SGD on float32 copies of the weights."""

    def __init__(self, masters: MasterWeights, settings: Settings, compute: Compute) -> None:
        self.masters = masters
        super().__init__(
            masters.copies,
            compute,
            epochs=settings.epochs,
            lr=settings.lr,
            momentum=settings.momenta,
            weight_decay=settings.weight_decay,
            nesterov=False,
        )

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        self.masters.take_gradients()
        super().step()
        self.masters.copy_to_network()


class Trainer(ParallelTraining):
    """The recipe on one device, or this process's part of it."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        network = wide_resnet(settings.blocks, settings.widen)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs)
        self.settings = settings
        self.scale = LOSS_SCALE if self.compute.dtype == torch.float16 else 1

    def optimiser(self) -> MasterSgd:
        """SGD on copies of the fresh weights."""
        masters = MasterWeights(self.network.parameters(), self.scale, self.compute)
        return MasterSgd(masters, self.settings, self.compute)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the scaled mean; between processes they are averaged."""
        images = self.batch // self.compute.ranks
        (loss * (self.scale / images)).backward()

    def prepare(self, generator: torch.Generator) -> Jittered:
        """Lay out the images."""
        s = self.settings
        return self.augmented(generator, Jittered, pad=s.pad, flip="random", colour=s.colour, degrees=s.degrees)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, eager_on_cpu(compute), settings_for(compute.ranks))
