"""The loop all recipes share: build, prepare, then train and evaluate epoch by epoch, to the final accuracy."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.record.documents import ExecutionPath
from bench.training.augment import Augmented, normalise
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.evaluate import EVALUATION_BATCH, PLAIN, View, accuracy, unchanged
from bench.training.events import Events, Silent, is_out_of_memory
from bench.training.layers import Whitening
from bench.training.optimisers import Optimiser
from bench.training.paths.way import Timer, Way, agreeing, candidates, compare, failing

B = TypeVar("B", bound=Augmented)


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
        self.network = network
        self.batch, self.epochs, self.views = batch, epochs, views
        self.train_images, self.train_labels = compute.place(data.train_images, data.train_labels)
        self.test_images, self.test_labels = compute.place(data.test_images, data.test_labels)
        self.generator = torch.Generator(compute.device)
        compute.to_device(network)
        self._take(self._way(compute))
        # Seconds a step by each way that was tried, and why others could not be.
        self.compared: dict[str, float] = {}
        self.notes = [failing("compiled-captured", compute.uncompiled)] if compute.uncompiled else []

    def _way(self, compute: Compute) -> Way:
        return Way(self.network, compute, self.generator, self.image_losses)

    def _take(self, way: Way) -> None:
        self.way, self.compute = way, way.compute

    @abstractmethod
    def prepare(self, generator: torch.Generator) -> Augmented:
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

    def augmented(self, generator: torch.Generator, kind: type[B] = Augmented, **options: Any) -> B:  # type: ignore[assignment]  # mypy knows no default of a type variable
        """The training images laid out in batches; `options` as `kind` has them."""
        options |= {"batch": self.batch, "compute": self.compute, "generator": generator}
        return kind(self.train_images, self.train_labels, **options)

    def whiten(self, layer: Whitening, images: int, eps: float) -> None:
        """Fit `layer` to the first `images` training images."""
        layer.fit(normalise(self.train_images[:images], torch.float32), eps)

    def set_stage(self, progress: float) -> None:  # noqa: B027 -- most recipes change nothing
        """Set what changes in the course of a run, of which `progress` (0..1) is done: before each step."""

    def image_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each image [n], of logits [n, 10] in float32 or wider."""
        return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing, reduction="none")

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, summed over its images."""
        return self.way.image_losses(images, labels).sum()

    def backward(self, loss: Tensor) -> None:
        """Gradients of a batch's loss."""
        loss.backward()

    def settle(self) -> None:  # noqa: B027 -- alone there is nothing to do
        """Bring together what several processes know, before an evaluation."""

    def averaged(self) -> AbstractContextManager[None]:
        """Around an evaluation: with the weights that are to be tested, where those are not the trained ones."""
        return nullcontext()

    def flags(self) -> AbstractContextManager[None]:
        """Around everything that is computed: what torch may do, where that is not the recipe's own choice."""
        return nullcontext()

    def steps(self, batches_an_epoch: int) -> int:
        """Steps of a run."""
        return math.ceil(self.epochs * batches_an_epoch)

    def warm_up(self, allowed: Sequence[ExecutionPath] | None = None) -> None:
        """Compile, capture and choose all that a run will meet, and stay on the fastest way that works here.

        `allowed` are the paths to try, in place of all from the one that is wanted on.
        """
        options = [replace(self.compute, path=path) for path in allowed or ()] or candidates(self.compute)
        tried: list[tuple[Way, Timer]] = []
        with self.flags():
            for option in options:
                if tried and option.path == "eager" and not option.open:  # the last resort
                    break
                try:
                    if not self.way.serves(option):
                        self._take(self._way(option))
                    tried.append((self.way, self._rehearse()))
                except Exception as error:  # compilers' are of many kinds
                    # Where memory does not suffice for the first, the batch is too large for any.
                    if not tried and (option is options[-1] or is_out_of_memory(error)):
                        raise
                    self.notes.append(failing(option.path, f"{type(error).__name__}: {error}"))
            self._choose(tried)

    def _choose(self, tried: Sequence[tuple[Way, Timer]]) -> None:
        """Take the fastest of what works."""
        tried = agreeing(tried, self.notes.append)
        self.compared = seconds = compare(tried, self._take)
        self._take(min((way for way, _ in tried), key=lambda way: seconds.get(way.name, 0.0)))

    def _rehearse(self) -> Timer:
        """Meet each variant of a step and of an evaluation. What it returns takes the seconds of a frequent step."""
        if not self.compute.is_cuda:
            return self._rehearse_on_cpu()
        optimiser, batches = self.fresh(0), self.prepare(self.generator)
        epoch, steps = len(batches), self.steps(len(batches))
        of_variant: dict[Hashable, list[int]] = {}
        for step in range(steps):
            of_variant.setdefault(self._variant(batches, optimiser, step, steps), []).append(step)
            optimiser.after_step(step, steps)  # a kernel takes a while when it is first asked for
        batches.epoch = (steps - 1) // epoch  # the last may be drawn in another way
        batches.draw()
        for variant, (step, *_) in of_variant.items():
            batches.epoch = step // epoch
            batches.draw()
            self.network.train()
            self.set_stage(step / steps)
            optimiser.schedule(step, steps)
            work = partial(self._work, batches, optimiser)
            self.way.meet(variant, work, batches.rewind)
            self.way.prove(variant, work, self.mean_loss)
        with self.way.meeting():
            for last in (False, True):
                self._evaluate(Silent(), 0, last=last)
            self.meet_evaluations()
        step = max(of_variant.values(), key=len)[0]

        def timed(n: int = 20) -> float:
            self.network.train()
            self.compute.synchronise()
            start = time.perf_counter()
            for index in range(n):
                if index % epoch == 0:
                    batches.rewind()
                self.step(batches, optimiser, step, steps)
            self.compute.synchronise()
            return (time.perf_counter() - start) / n

        return timed

    def _rehearse_on_cpu(self) -> Timer:
        """As `_rehearse`: only what is compiled has anything to meet. A part of the batch is enough for plain steps."""
        n = self.batch if self.compute.compiles else min(self.batch, max(self.batch // 4, 250))
        images, labels = normalise(self.train_images[:n], self.compute.dtype), self.train_labels[:n]

        def timed() -> float:
            start = time.perf_counter()
            with self.compute.autocast():
                loss = self.loss(images, labels)
            self.backward(loss)
            self.network.zero_grad(set_to_none=True)
            return (time.perf_counter() - start) * self.batch / n

        if self.compute.compiles:
            self.network.train()
            for progress in self.stages:
                self.set_stage(progress)
                timed()
            self.network.eval()
            with self.compute.autocast():
                self.meet_evaluations()
        self.network.train()
        return timed

    def fresh(self, seed: int) -> Optimiser:
        """Start from scratch: fresh weights and their optimiser. All that is random after it follows from `seed`."""
        torch.manual_seed(seed)
        self.generator.manual_seed(seed)
        if self.compute.memory is not None:
            self.compute.memory.begin()
        self.reset()
        return self.optimiser()

    def run(self, seed: int, events: Events) -> None:
        """One training from scratch."""
        with self.flags():
            with events.phase("build"):
                optimiser = self.fresh(seed)
            with events.phase("prepare"):
                batches = self.prepare(self.generator)
            self._train(batches, optimiser, events)

    def _train(self, batches: Augmented, optimiser: Optimiser, events: Events) -> None:
        step, epoch, steps = 0, len(batches), self.steps(len(batches))
        while step < steps:
            self.network.train()
            end = min(step + epoch, steps)
            with events.phase("train", epoch=end / epoch):
                batches.draw()
                while step < end:
                    loss = self.step(batches, optimiser, step, steps)
                    step += 1
                    events.stepped(step, steps, self.batch)
                self.settle()
            events.loss(self.mean_loss(loss))
            if self.curve and step < steps:
                self._evaluate(events, step / epoch, last=False)
        with unchanged(self.network):  # off the clock
            self._evaluate(events, step / epoch, last=True)

    def step(self, batches: Augmented, optimiser: Optimiser, step: int, steps: int) -> Tensor:
        """Take `step` (from 0) of `steps` with the next batch: its summed loss."""
        self.set_stage(step / steps)
        optimiser.schedule(step, steps)
        variant = self._variant(batches, optimiser, step, steps)
        loss = self.way.step(variant, partial(self._work, batches, optimiser))
        optimiser.after_step(step, steps)
        return loss

    def _variant(self, batches: Augmented, optimiser: Optimiser, step: int, steps: int) -> Hashable:
        """What makes the work of a step another function of the device than that of other steps."""
        stage = sum(step / steps >= start for start in self.stages)
        return stage, batches.variant(step // len(batches)), optimiser.variant(step)

    def _work(self, batches: Augmented, optimiser: Optimiser) -> Tensor:
        """A step's work on the device: no host decides in it, or waits for it."""
        images, labels = batches.next()
        with self.compute.autocast():
            loss = self.loss(images, labels)
        self.backward(loss)
        optimiser.step()
        return loss.detach()

    def mean_loss(self, loss: Tensor) -> float:
        """The loss an image of a batch, from what `step` gave."""
        return loss.item() / self.batch

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

    def meet_evaluations(self) -> None:
        """Show the network as many images at once as an evaluation may: it is compiled anew for each number."""
        for images in {len(batch): batch for batch in self.test_images.split(EVALUATION_BATCH)}.values():
            self.way.look(images, PLAIN)

    def accuracy(self, views: tuple[View, ...]) -> float:
        """The share of the test images classified right, 0..1."""
        return accuracy(self.way.look, self.test_images, self.test_labels, views)
