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

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training.augment import Augmented, normalise
from bench.training.blocked import Blocked
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.evaluate import EVALUATION_BATCH, FLIP_AND_SHIFT, PLAIN, View, accuracy
from bench.training.events import Events, Silent
from bench.training.layers import BiasBatchNorm, DiracConv, whitening_filters
from bench.training.muon import Muon


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
    whitening_bias_steps: int = 75
    views: tuple[View, ...] = FLIP_AND_SHIFT


class Group(nn.Sequential):
    """conv, pool, BN, GELU, conv, BN, GELU: half the resolution, `width` channels."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            DiracConv(channels, width), nn.MaxPool2d(2), BiasBatchNorm(width), nn.GELU(),
            DiracConv(width, width), BiasBatchNorm(width), nn.GELU(),
        )  # fmt: skip


class Network(nn.Module):
    """[n, 3, 32, 32] normalised images to [n, 10] logits."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.whitening = nn.Conv2d(3, 24, 2)
        self.whitening.weight.requires_grad_(False)
        self.groups = nn.ModuleList(Group(c, w) for c, w in zip((24, *widths[:2]), widths, strict=True))
        self.head = nn.Linear(widths[-1], 10, bias=False)

    @torch.no_grad()
    def reset(self) -> None:
        """Start from scratch, drawing from torch's global generator."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                module.reset_parameters()
        nn.init.zeros_(self.whitening.bias)  # type: ignore[arg-type]  # Conv2d was made with a bias
        self.head.weight.div_(self.head.weight.std())

    def forward(self, images: Tensor, train_whitening_bias: bool = False) -> Tensor:
        """Logits. The whitening bias gets a gradient only where asked; without it nothing reaches that far."""
        bias = self.whitening.bias
        assert bias is not None
        x = F.conv2d(images, self.whitening.weight, bias if train_whitening_bias else bias.detach())
        x = F.gelu(x)
        for group in self.groups:
            x = group(x)
        return self.classify(F.max_pool2d(x, 3).flatten(1))

    def classify(self, features: Tensor) -> Tensor:
        """[n, channels] to logits."""
        logits: Tensor = self.head(features)
        return logits / features.shape[1]


class Optimisers:
    """Muon for the 3x3 filters, SGD for the rest, and the schedule of every learning rate."""

    def __init__(self, network: Network, settings: Settings, compute: Compute) -> None:
        decay = settings.weight_decay * settings.batch

        def sgd_group(parameters: Iterable[Tensor | None], lr: float) -> dict[str, object]:
            # Decay is decoupled: SGD multiplies it by the lr, so it is divided by it here.
            return {"params": list(parameters), "lr": lr, "weight_decay": decay / lr}

        norms = [module for module in network.modules() if isinstance(module, BiasBatchNorm)]
        convs = [module for module in network.modules() if isinstance(module, DiracConv)]
        self.sgd = torch.optim.SGD(
            [
                sgd_group([network.whitening.bias], settings.bias_lr),
                sgd_group((norm.bias for norm in norms), settings.bias_lr),
                sgd_group([network.head.weight], settings.head_lr),
            ],
            lr=settings.bias_lr, momentum=settings.momentum, nesterov=True, fused=compute.is_cuda,
        )  # fmt: skip
        self.muon = Muon(
            (conv.weight for conv in convs),
            lr=settings.muon_lr, momentum=settings.muon_momentum, dtype=compute.newton_schulz_dtype,
        )  # fmt: skip
        self.whitening_steps = settings.whitening_bias_steps
        self.initial = [[group["lr"] for group in each.param_groups] for each in (self.sgd, self.muon)]

    def schedule(self, step: int, steps: int) -> None:
        """Set the learning rates for `step` of `steps`: linear to 0, the whitening bias's sooner."""
        for optimiser, initial in zip((self.sgd, self.muon), self.initial, strict=True):
            for group, lr in zip(optimiser.param_groups, initial, strict=True):
                group["lr"] = lr * (1 - step / steps)
        whitening = self.sgd.param_groups[0]
        whitening["lr"] = self.initial[0][0] * max(0.0, 1 - step / self.whitening_steps)

    def step(self) -> None:
        """Move the weights and drop the gradients."""
        self.sgd.step()
        self.muon.step()
        self.sgd.zero_grad(set_to_none=True)
        self.muon.zero_grad(set_to_none=True)


class Trainer:
    """The recipe on one device. `settings` makes its relatives."""

    def __init__(self, data: Cifar10, compute: Compute, settings: Settings) -> None:
        self.compute, self.settings = compute, settings
        self.train_images, self.train_labels = compute.place(data.train_images, data.train_labels)
        self.test_images, self.test_labels = compute.place(data.test_images, data.test_labels)
        self.network = Network(settings.widths)
        compute.adopt(self.network)
        self.forward = self._fastest()

    def _fastest(self) -> Callable[..., Tensor]:
        """The network as it is to be called here: the same function, however it is computed."""
        if self.compute.winograd:
            network = self.network
            groups = [cast(Group, group) for group in network.groups]
            return Blocked(network.whitening, groups, network.classify, compiled=self.compute.path == "compiled")
        return self.compute.compiled(self.network)

    def warm_up(self) -> None:
        """Compile every shape the run will meet, by taking a few steps of it on the real data."""
        if self.compute.is_cuda:
            self.run(0, Silent())  # one whole run: the choice of kernels needs every shape more than once
        elif self.compute.path == "compiled":
            try:
                self._compile()
            except RuntimeError as error:  # the compiler's own errors are of many kinds, all of them this one
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                self.compute = replace(self.compute, path="eager")
                self.forward = self._fastest()

    def _compile(self) -> None:
        """Meet both ways of training and that of testing once, with a batch of each shape."""
        images = normalise(self.train_images[: self.settings.batch], self.compute.dtype)
        for train_whitening_bias in (True, False):
            self.network.train()
            with self.compute.autocast():
                self.forward(images, train_whitening_bias).sum().backward()
        self.network.eval()
        views = normalise(self.test_images[:EVALUATION_BATCH], self.compute.dtype)
        with torch.inference_mode(), self.compute.autocast():
            self.forward(views)

    def run(self, seed: int, events: Events) -> None:
        """One training from scratch."""
        s = self.settings
        with events.phase("build"):
            torch.manual_seed(seed)
            generator = torch.Generator(self.compute.device).manual_seed(seed)
            self.network.reset()
            optimisers = Optimisers(self.network, s, self.compute)
        with events.phase("prepare"):
            sample = normalise(self.train_images[: s.whitening_images], torch.float32)
            self.network.whitening.weight.data.copy_(whitening_filters(sample, eps=5e-4))
            batches = Augmented(
                self.train_images, self.train_labels, batch=s.batch, pad=s.pad, dtype=self.compute.dtype,
                generator=generator,
            )  # fmt: skip
        steps = math.ceil(s.epochs * len(batches))
        done = 0
        while done < steps:
            self.network.train()
            with events.phase("train", epoch=min(done + len(batches), steps) / len(batches)):
                for images, labels in batches:
                    loss = self._step(images, labels, done, steps, optimisers)
                    done += 1
                    events.stepped(done, steps, s.batch)
                    if done == steps:
                        break
            events.loss(loss.item() / s.batch)
            self._evaluate(events, done / len(batches), last=done == steps)

    def _step(self, images: Tensor, labels: Tensor, step: int, steps: int, optimisers: Optimisers) -> Tensor:
        optimisers.schedule(step, steps)
        with self.compute.autocast():
            logits = self.forward(images, step < self.settings.whitening_bias_steps)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.settings.label_smoothing, reduction="sum")
        loss.backward()
        optimisers.step()
        return loss

    def _evaluate(self, events: Events, epoch: float, *, last: bool) -> None:
        """Every epoch on the plain images, for the curve; at the end with all views, which is the result."""
        self.network.eval()
        views = self.settings.views if last else PLAIN
        with events.phase("final_evaluate" if last else "evaluate", epoch=epoch), self.compute.autocast():
            share = accuracy(self.forward, self.test_images, self.test_labels, views, self.compute.dtype)
        events.evaluated(epoch, share, len(views), final=last)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, Settings())
