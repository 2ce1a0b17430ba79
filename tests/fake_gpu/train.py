"""Recipes trained on the fake GPU: `python -m tests.fake_gpu.train WHAT PATH RECIPE…`, a JSON line for each.

Every recipe has its network and its batch at full size. WHAT is "steps", through all its stages in epochs of a few
steps, or "memory", with all the images there are but only two steps. PATH is one of record.run, which nothing may take
the place of, or "auto": as bench chooses.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bench.recipes import find
from bench.record.documents import ExecutionPath
from bench.training.api import Cifar10, choose
from bench.training.data import Bytes
from bench.training.loop import Training
from tests.fake_gpu.gpu import Asked, FakeGpu

# The only ones that a warm-up may try; None: all.
Paths = Sequence[ExecutionPath] | None

STEPS = 24  # of a recipe that runs all its epochs
EPOCHS = 13  # hlb and myrtle-tricks, which change in the course of theirs, have no more; longer recipes are cut
CUT_EPOCHS, CUT_STEPS = 3, 3  # to so many, each of so many steps: none of them changes but in its learning rate


def data(images: int) -> Cifar10:
    """Black images, `images` of them to train with."""

    def black(n: int) -> Bytes:
        return np.zeros((n, 3, 32, 32), np.uint8)

    def labels(n: int) -> Bytes:
        return np.zeros(n, np.uint8)

    return Cifar10(black(images), labels(images), black(10_000), labels(10_000))


@dataclass
class Seen:
    """The Events of a run: what each step asked of the GPU, and each evaluation; and the batch that it was handed."""

    trainer: Training
    gpu: FakeGpu
    steps: list[list[Asked]] = field(default_factory=list)  # by epoch: what an epoch needs falls to its first
    evaluations: list[Asked] = field(default_factory=list)
    gradients: int = 0  # left behind by steps
    met: set[tuple[str, str]] = field(default_factory=set)  # the operations on the clock
    batch: dict[str, Any] = field(default_factory=dict)

    def look_at_batches(self) -> None:
        """Have the trainer show each before it computes the loss: where steps are captured, while they are."""
        loss = self.trainer.loss

        def looked_at(images: Tensor, labels: Tensor) -> Tensor:
            self.batch = {
                "devices": sorted({images.device.type, labels.device.type}),
                "dtype": str(images.dtype),
                "channels_last": images.is_contiguous(memory_format=torch.channels_last),
                "images": len(images),
            }
            return loss(images, labels)

        self.trainer.loss = looked_at  # type: ignore[method-assign]  # it is called in all the ways of training

    @contextmanager
    def phase(self, name: str, epoch: float | None = None) -> Iterator[None]:
        """See bench.training.events."""
        if name == "train":
            self.steps.append([])
        self.gpu.reset()
        yield
        self.met |= self.gpu.names().keys()
        if "evaluate" in name:
            self.evaluations.append(self.gpu.asked())

    def stepped(self, step: int, steps: int, images: int) -> None:
        """See bench.training.events."""
        self.steps[-1].append(self.gpu.asked())
        self.met |= self.gpu.names().keys()
        self.gradients += sum(parameter.grad is not None for parameter in self.trainer.network.parameters())
        self.gpu.reset()

    def loss(self, mean: float) -> None:
        """See bench.training.events."""

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """See bench.training.events."""


def steps(recipe: str, paths: Paths, gpu: FakeGpu) -> dict[str, Any]:
    """Warm up and run once."""
    probe = built(recipe, 1)
    whole = probe.epochs <= EPOCHS
    epochs, each = (probe.epochs, math.ceil(STEPS / probe.epochs)) if whole else (CUT_EPOCHS, CUT_STEPS)
    trainer = built(recipe, probe.batch * each)
    trainer.epochs = epochs
    seen = Seen(trainer, gpu)
    seen.look_at_batches()
    gpu.reset()
    trainer.warm_up(paths)
    warm = gpu.names().keys()
    trainer.run(0, seen)
    return {
        "first met in the run": sorted(name for kind, name in seen.met - warm if kind in ("kernel", "library")),
        "path": trainer.compute.path,
        "batch": seen.batch,
        "steps": [[asdict(step) for step in epoch] for epoch in seen.steps],
        "evaluations": [asdict(evaluation) for evaluation in seen.evaluations],
        "gradients": seen.gradients,
    }


def memory(recipe: str, paths: Paths, gpu: FakeGpu) -> dict[str, Any]:
    """Warm up, as that meets all there is to meet."""
    gpu.peak_bytes()
    trainer = built(recipe, 50_000)
    trainer.epochs = 2 * trainer.batch / 50_000
    trainer.warm_up(paths)
    return {"peak": gpu.peak_bytes()}


def built(recipe: str, images: int) -> Training:
    trainer = find(recipe).build(data(images), choose("cuda"))
    assert isinstance(trainer, Training)
    return trainer


def tell(what: Callable[[str, Paths, FakeGpu], dict[str, Any]], recipes: Sequence[str], paths: Paths) -> None:
    """A line for each recipe: what `what` says of it, or the error that it met."""
    gpu = FakeGpu()
    for name in recipes:
        told: dict[str, Any] = {"recipe": name}
        try:
            told |= what(name, paths, gpu)
        except Exception:
            told["error"] = traceback.format_exc()
        gc.collect()
        torch.cuda.empty_cache()
        print(json.dumps(told), flush=True)  # noqa: T201 -- a program: what it tells is its output


def paths_of(word: str) -> Paths:
    """What a warm-up may try, of a word of the command line."""
    return None if word == "auto" else [cast(ExecutionPath, word)]


if __name__ == "__main__":
    name, path, *recipes = sys.argv[1:]
    tell({"steps": steps, "memory": memory}[name], recipes, paths_of(path))
