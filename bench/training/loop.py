"""The loop all recipes share: build, prepare, then train and evaluate epoch by epoch, to the final accuracy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training.augment import Augmented, normalise
from bench.training.data import Cifar10
from bench.training.device import Compute, forward_function
from bench.training.evaluate import EVALUATION_BATCH, PLAIN, View, accuracy
from bench.training.events import Events, Silent
from bench.training.layers import Whitening


class Batches(Protocol):
    """Training data: iterated once an epoch, in a new order each time."""

    def __len__(self) -> int:
        """Batches an epoch."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """(images [n, 3, h, w], labels int64 [n] or shares of the classes float [n, 10]) of one epoch."""


class Optimiser(Protocol):
    """What moves the weights: one optimiser or several, with their schedule."""

    def schedule(self, step: int, steps: int) -> None:
        """Set learning rates and all else that follows the schedule, for `step` (from 0) of `steps`."""

    def step(self) -> None:
        """Move the weights by their gradients, and drop the gradients."""


class Training(ABC):
    """A recipe on one device. A recipe's own class says what is abstract here, and what it does otherwise.

    `batch` is the number of images an optimiser step sees; `views` are those of the final evaluation.
    """

    label_smoothing = 0.0
    curve = True  # whether to evaluate every epoch, or at the end alone
    # Steps, as fractions of the run, at which the network meets a new shape or a new way of being computed.
    stages: tuple[float, ...] = (0.0,)

    def __init__(
        self,
        data: Cifar10,
        compute: Compute,
        network: nn.Sequential,
        *,
        batch: int,
        epochs: float,
        views: tuple[View, ...] = PLAIN,
    ) -> None:
        self.compute, self.network = compute, network
        self.batch, self.epochs, self.views = batch, epochs, views
        self.train_images, self.train_labels = compute.place(data.train_images, data.train_labels)
        self.test_images, self.test_labels = compute.place(data.test_images, data.test_labels)
        compute.to_device(network)
        self._set_forward()

    def _set_forward(self) -> None:
        self.forward, winograd = forward_function(self.network, self.compute)
        self.compute = replace(self.compute, winograd=winograd)

    @abstractmethod
    def prepare(self, generator: torch.Generator) -> Batches:
        """What of a run needs the data before the first step: it is on the clock."""

    @abstractmethod
    def optimiser(self) -> Optimiser:
        """A fresh optimiser of the fresh weights."""

    def reset(self) -> None:
        """Start from scratch, drawing from torch's global generator."""
        self.network.zero_grad(set_to_none=True)  # a compilation, or a run that broke off, leaves gradients behind
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                module.reset_parameters()

    def augmented(self, generator: torch.Generator, **options: Any) -> Augmented:
        """The training images laid out in batches; `options` as Augmented has it."""
        return Augmented(
            self.train_images,
            self.train_labels,
            batch=self.batch,
            dtype=self.compute.dtype,
            generator=generator,
            **options,
        )

    def whiten(self, layer: Whitening, images: int, eps: float) -> None:
        """Fit `layer` to the first `images` training images."""
        layer.fit(normalise(self.train_images[:images], torch.float32), eps)

    def set_stage(self, progress: float) -> None:  # noqa: B027 -- most recipes change nothing
        """Set what changes in the course of a run, of which `progress` (0..1) is done: before each step."""

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, summed over its images."""
        logits = self.forward(images).float()
        return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing, reduction="sum")

    def backward(self, loss: Tensor) -> None:
        """Gradients of a batch's loss."""
        loss.backward()

    def averaged(self) -> AbstractContextManager[None]:
        """Around an evaluation: with the weights that are to be tested, where those are not the trained ones."""
        return nullcontext()

    def steps(self, batches_an_epoch: int) -> int:
        """Steps of a run."""
        return math.ceil(self.epochs * batches_an_epoch)

    def warm_up(self) -> None:
        """Compile every shape the run will meet. On a GPU by one whole run, which also chooses the kernels."""
        if self.compute.is_cuda:
            self.run(0, Silent())
        elif self.compute.path == "compiled":
            try:
                self._compile()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:  # the compiler's own errors are of many kinds, all of them this one
                self.compute = replace(self.compute, path="eager")
                self._set_forward()

    def _compile(self) -> None:
        """Meet every way of training and that of testing once, with a batch of the run's size."""
        images = normalise(self.train_images[: self.batch], self.compute.dtype)
        self.network.train()
        for progress in self.stages:
            self.set_stage(progress)
            with self.compute.autocast():
                self.loss(images, self.train_labels[: self.batch]).backward()
        self.network.eval()
        views = normalise(self.test_images[:EVALUATION_BATCH], self.compute.dtype)
        with torch.inference_mode(), self.compute.autocast():
            self.forward(views)

    def run(self, seed: int, events: Events) -> None:
        """One training from scratch."""
        with events.phase("build"):
            torch.manual_seed(seed)
            generator = torch.Generator(self.compute.device).manual_seed(seed)
            self.reset()
            optimiser = self.optimiser()
        with events.phase("prepare"):
            batches = self.prepare(generator)
        steps_done, steps = 0, self.steps(len(batches))
        while steps_done < steps:
            self.network.train()
            with events.phase("train", epoch=min(steps_done + len(batches), steps) / len(batches)):
                for images, labels in batches:
                    loss = self._step(images, labels, steps_done, steps, optimiser)
                    steps_done += 1
                    events.stepped(steps_done, steps, self.batch)
                    if steps_done == steps:
                        break
            events.loss(loss.item() / len(images))
            if self.curve or steps_done == steps:
                self._evaluate(events, steps_done / len(batches), last=steps_done == steps)

    def _step(self, images: Tensor, labels: Tensor, step: int, steps: int, optimiser: Optimiser) -> Tensor:
        self.set_stage(step / steps)
        optimiser.schedule(step, steps)
        with self.compute.autocast():
            loss = self.loss(images, labels)
        self.backward(loss)
        optimiser.step()
        return loss.detach()

    def _evaluate(self, events: Events, epoch: float, *, last: bool) -> None:
        """Every epoch on the plain images, for the curve; at the end with all views, which is the result."""
        views = self.views if last else PLAIN
        self.network.eval()
        with (
            events.phase("final_evaluate" if last else "evaluate", epoch=epoch),
            self.averaged(),
            self.compute.autocast(),
        ):
            share = self.accuracy(views)
        events.evaluated(epoch, share, len(views), final=last)

    def accuracy(self, views: tuple[View, ...]) -> float:
        """The share of the test images classified right, 0..1."""
        return accuracy(self.forward, self.test_images, self.test_labels, views, self.compute.dtype)
