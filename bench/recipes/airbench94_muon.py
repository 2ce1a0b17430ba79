"""airbench94-muon: CIFAR-10 to 94 % in 8 epochs (Keller Jordan, 2024).

2.59 s on a 400 W A100, mean accuracy 94.01 % over 200 runs (as published, torch 2.4.1); 1.97 M parameters;
298 TFLOP a run.

Network   2x2 whitening convolution to 24 channels (frozen, from the first 5,000 images), GELU; three groups of
          conv 3x3, maxpool 2, BN, GELU, conv 3x3, BN, GELU with 64, 256, 256 channels; maxpool 3; linear.
          The first C_in filters of each 3x3 conv start as the identity; BN has no scale.
Data      batch 2000 (25 steps an epoch), random crop from a reflected border of 2, alternating flip.
Loss      cross-entropy, label smoothing 0.2, summed over the batch.
Optimiser Muon (lr 0.24, momentum 0.6) for the six 3x3 convs; SGD Nesterov 0.85 for the rest, lr 0.053 for
          biases and 0.67 for the head; weight decay 2e-6 x batch, decoupled; every lr linear to 0 without
          warm-up, the whitening bias's over the first 75 steps, after which it is left alone.
Test      six views: flip x (centre at 1/2, shifts (-1,-1) and (+1,+1) at 1/4 each).

Source of the numbers: github.com/KellerJordan/cifar10-airbench and arXiv:2404.00498. Written anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.training.api import (
    FLIP_AND_SHIFT,
    NEWTON_SCHULZ,
    Augmented,
    BiasBatchNorm,
    Cifar10,
    Coefficients,
    Compute,
    DiracConv,
    GlobalMaxPool,
    MaxPool,
    Muon,
    Optimiser,
    Scale,
    Training,
    View,
    Whitening,
    branches,
    sgd,
)


@dataclass(frozen=True)
class Settings:
    """Everything that is fixed. Learning rates are for the loss summed over the batch."""

    widths: tuple[int, int, int] = (64, 256, 256)
    batch: int = 2000
    epochs: float = 8
    pad: int = 2
    label_smoothing: float = 0.2
    muon_lr: float = 0.24
    muon_momentum: float = 0.6
    bias_lr: float = 0.053
    head_lr: float = 0.67
    momentum: float = 0.85
    weight_decay: float = 2e-6  # times the batch
    whitening_images: int = 5000
    whitening_bias: float = 0.375  # the share of the run in which it is trained: 75 of 200 steps
    newton_schulz: Coefficients = NEWTON_SCHULZ
    rescale_every: int = 1
    views: tuple[View, ...] = FLIP_AND_SHIFT


class Group(nn.Sequential):
    """conv, pool, BN, GELU, conv, BN, GELU: half the resolution, `width` channels."""

    def __init__(self, channels: int, width: int, activation: type[nn.Module]) -> None:
        super().__init__(
            DiracConv(channels, width),
            MaxPool(2),
            BiasBatchNorm(width),
            activation(),
            DiracConv(width, width),
            BiasBatchNorm(width),
            activation(),
        )


class Network(nn.Sequential):
    """[n, 3, 32, 32] normalised images to [n, 10] logits."""

    whitening: Whitening
    groups: nn.Sequential
    head: nn.Linear
    scale: Scale

    def __init__(self, widths: tuple[int, int, int], activation: type[nn.Module] = nn.GELU) -> None:
        groups = (Group(c, w, activation) for c, w in zip((24, *widths[:2]), widths, strict=True))
        super().__init__(
            OrderedDict(
                whitening=Whitening(2, negatives=True, bias=True),
                gelu=nn.GELU(),
                groups=nn.Sequential(*groups),
                pool=GlobalMaxPool(),
                head=nn.Linear(widths[-1], 10, bias=False),
                scale=Scale(1 / widths[-1]),
            )
        )


class Optimisers(Optimiser):
    """Muon for the 3x3 filters, SGD for the rest, and the schedule of every learning rate."""

    def __init__(self, network: Network, settings: Settings, compute: Compute) -> None:
        decay = settings.weight_decay * settings.batch

        def sgd_group(parameters: Iterable[Tensor | None], lr: float) -> dict[str, object]:
            # Decay is decoupled: SGD multiplies it by the lr, so it is divided by it here.
            return {"params": list(parameters), "lr": lr, "weight_decay": decay / lr}

        norms = [module for module in network.modules() if isinstance(module, BiasBatchNorm)]
        convs = [module for module in network.modules() if isinstance(module, DiracConv)]
        self.settings = settings
        self.sgd = sgd(
            [
                sgd_group([network.whitening.bias], settings.bias_lr),
                sgd_group((norm.bias for norm in norms), settings.bias_lr),
                sgd_group([network.head.weight], settings.head_lr),
            ],
            compute,
            lr=settings.bias_lr,
            momentum=settings.momentum,
            nesterov=True,
        )
        self.muon = Muon(
            (conv.weight for conv in convs),
            compute,
            lr=settings.muon_lr,
            momentum=settings.muon_momentum,
            coefficients=settings.newton_schulz,
        )
        self.rescales = True
        super().__init__([*self.sgd.param_groups, *self.muon.param_groups], compute)

    def variant(self, step: int) -> bool:
        """Whether `step` brings the filters back to their norm."""
        return step % self.settings.rescale_every == 0

    def rates(self, step: int, steps: int) -> list[float]:
        """Linear to 0, the whitening bias's sooner."""
        s, left = self.settings, 1 - step / steps
        whitening = s.bias_lr * max(0.0, 1 - step / (s.whitening_bias * steps))
        return [whitening, s.bias_lr * left, s.head_lr * left, s.muon_lr * left]

    def schedule(self, step: int, steps: int) -> None:
        """See Optimiser."""
        super().schedule(step, steps)
        self.rescales = self.variant(step)

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        branches([*self.muon.parts(rescale=self.rescales), self.sgd.step])
        self.sgd.zero_grad(set_to_none=True)
        self.muon.zero_grad()


class Trainer(Training):
    """The recipe on one device. `settings` makes its relatives."""

    network: Network

    def __init__(
        self, data: Cifar10, compute: Compute, settings: Settings, activation: type[nn.Module] = nn.GELU
    ) -> None:
        network = Network(settings.widths, activation)
        super().__init__(data, compute, network, batch=settings.batch, epochs=settings.epochs, views=settings.views)
        self.settings, self.label_smoothing = settings, settings.label_smoothing
        self.stages = (0.0, settings.whitening_bias)

    @torch.no_grad()
    def reset(self) -> None:
        """Start from scratch; the head's weights have deviation 1."""
        super().reset()
        self.network.head.weight.div_(self.network.head.weight.std())

    def optimiser(self) -> Optimisers:
        """Muon and SGD on the fresh weights."""
        return Optimisers(self.network, self.settings, self.compute)

    def prepare(self, generator: torch.Generator) -> Augmented:
        """Fit the whitening and lay out the images."""
        s = self.settings
        self.whiten(self.network.whitening, s.whitening_images, eps=5e-4)
        return self.augmented(generator, pad=s.pad)

    def set_stage(self, progress: float) -> None:
        """Leave the whitening bias alone once its time is over."""
        self.network.whitening.bias_learns = progress < self.settings.whitening_bias


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
