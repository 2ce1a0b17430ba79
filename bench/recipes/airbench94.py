"""airbench94: CIFAR-10 to 94 % in 9.9 epochs by SGD (Keller Jordan, 2024).

3.83 s on an A100, 3.09 s compiled: mean accuracy 94.01 % over 1,000 runs (as published); 1.97 M parameters;
360 TFLOP a run.

Network   that of airbench94-muon, with logits scaled by 1/9.
Data      batch 1024 (48 steps an epoch), random crop from a reflected border of 2, alternating flip.
Loss      cross-entropy, label smoothing 0.2, summed over the batch.
Optimiser SGD Nesterov 0.85. The learning rate, 11.5 per 1,024 images, is decoupled from momentum: one gradient moves a
          weight by lr x (1 + 1 / (1 - momentum)) in all, by which it is divided. Batch norm biases learn 64 times
          faster. Weight decay 0.0153 per 1,024 images, decoupled from the learning rate. The rate rises from 0.2 to 1
          in the first 23 % of the steps and falls to 0.07. The whitening bias learns for 3 epochs.
Average   lookahead every 5 steps: the slow weights keep 0.95^5 x (step / steps)^3 of themselves, the network goes
          on from them, and ends on them.
Test      six views: flip x (centre at 1/2, shifts (-1,-1) and (+1,+1) at 1/4 each).

Source of the numbers: github.com/KellerJordan/cifar10-airbench and arXiv:2404.00498. Written anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from bench.recipes.airbench94_muon import Network
from bench.training.api import (
    FLIP_AND_SHIFT,
    Augmented,
    Average,
    BiasBatchNorm,
    Cifar10,
    Compute,
    Knots,
    Optimiser,
    Training,
    View,
    piecewise_linear,
    sgd,
    split_biases,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rate and weight decay are per 1,024 images."""

    widths: tuple[int, int, int] = (64, 256, 256)
    batch: int = 1024
    epochs: float = 9.9
    pad: int = 2
    label_smoothing: float = 0.2
    lr: float = 11.5
    bias_factor: float = 64
    momentum: float = 0.85
    weight_decay: float = 0.0153
    warm_up: Knots = ((0, 0.2), (0.23, 1), (1, 0.07))
    lookahead_every: int = 5
    lookahead_decay: float = 0.95**5
    whitening_images: int = 5000
    whitening_epochs: float = 3
    views: tuple[View, ...] = FLIP_AND_SHIFT


class LookaheadSgd(Optimiser):
    """SGD with its schedule, and lookahead."""

    def __init__(self, network: nn.Module, settings: Settings, compute: Compute) -> None:
        self.settings = settings
        per_image = 1 / (1024 * (1 + 1 / (1 - settings.momentum)))
        lr, decay = settings.lr * per_image, settings.weight_decay * per_image * settings.batch
        biases, rest = split_biases(network, BiasBatchNorm)
        self.initial = [lr * settings.bias_factor, lr]
        self.sgd = sgd(
            [
                # SGD multiplies decay by the lr of the moment, so it is divided by the highest here.
                {"params": parameters, "lr": highest, "weight_decay": decay / highest}
                for parameters, highest in zip((biases, rest), self.initial, strict=True)
            ],
            compute,
            lr=lr,
            momentum=settings.momentum,
            nesterov=True,
        )
        super().__init__(self.sgd.param_groups, compute)
        self.average = Average(network, compute)

    def rates(self, step: int, steps: int) -> list[float]:
        """The learning rates for `step` of `steps`."""
        factor = piecewise_linear(step / steps, self.settings.warm_up)
        return [lr * factor for lr in self.initial]

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        self.sgd.step()
        self.sgd.zero_grad(set_to_none=True)

    def after_step(self, step: int, steps: int) -> None:
        """Look ahead where it is time to, and at the end."""
        done = step + 1
        if done % self.settings.lookahead_every == 0:
            self.average.update(self.decay(done / steps))
            self.average.copy_to_network()
        if done == steps:
            self.average.copy_to_network()

    def decay(self, progress: float) -> float:
        """How much of themselves the slow weights keep when `progress` (0..1) of the run is done."""
        return self.settings.lookahead_decay * progress**3


class Trainer(Training):
    """The recipe on one device. `settings` makes its relatives."""

    network: Network

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        network = Network(settings.widths)
        network.scale.factor = 1 / 9
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs, views=settings.views)
        self.settings, self.label_smoothing = settings, settings.label_smoothing
        self.whitening_bias = settings.whitening_epochs / settings.epochs
        self.stages = (0.0, self.whitening_bias)

    def optimiser(self) -> LookaheadSgd:
        """SGD on the fresh weights."""
        return LookaheadSgd(self.network, self.settings, self.compute)

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Fit the whitening and lay out the images."""
        s = self.settings
        self.whiten(self.network.whitening, s.whitening_images, eps=5e-4)
        return self.augmented(generator, pad=s.pad)

    def set_stage(self, progress: float) -> None:
        """Leave the whitening bias alone once its epochs are over."""
        self.network.whitening.bias_learns = progress < self.whitening_bias


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
