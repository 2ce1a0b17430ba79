"""Recipes for tests of several processes, in a module that those processes can import too."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch

from bench.recipes import Recipe, Trainer, fastai_wrn
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.events import Events
from bench.training.parallel import mean_over

CPU = Compute(torch.device("cpu"), torch.float32, "eager")


@dataclass(frozen=True)
class Scripted(Recipe):
    """A recipe whose seed says what goes wrong; it is a trainer of itself. "cold" cannot be warmed up."""

    compute: Compute = CPU
    batch: int = 100
    parallel: bool = True

    def build(self, data: object, compute: Compute) -> Trainer:
        return cast(Trainer, replace(self, compute=compute))  # frozen: its batch cannot be set, nor need it

    def warm_up(self) -> None:
        if self.name == "cold":
            raise RuntimeError("no compiler")

    def run(self, seed: int, events: Events) -> None:
        train(self.compute, seed, events)

    def source_sha256(self) -> str:
        return "0" * 64


@dataclass(frozen=True)
class SmallWrn(Recipe):
    """fastai-wrn with a small network, for a few small batches."""

    parallel: bool = True

    def build(self, data: Cifar10, compute: Compute) -> fastai_wrn.Trainer:
        return fastai_wrn.Trainer(data, compute, fastai_wrn.Settings(blocks=1, widen=1, batch=64, epochs=6, peak=0.2))


def meet(compute: Compute) -> None:
    """Wait for the others, as the gradients of a step do."""
    mean = mean_over(compute.ranks, torch.tensor(float(compute.rank)))
    assert mean.item() == (compute.ranks - 1) / 2


def train(compute: Compute, seed: int, events: Events) -> None:
    """One step and a look at the test set; the last process has trouble in its step where TROUBLE names the seed."""
    with events.phase("prepare"):
        time.sleep(0.02)
    with events.phase("train", epoch=1):
        meet(compute)
        if compute.rank == compute.ranks - 1:
            TROUBLE.get(seed, lambda: None)()
        meet(compute)
        events.stepped(1, 1, 100)
    events.loss(float("nan") if seed == DIVERGES else 1.0)
    with events.phase("final_evaluate", epoch=1):
        meet(compute)
    events.evaluated(1, 0.95, 1, final=True)


def _raise(error: Exception) -> None:
    raise error


DIVERGES = 24
TROUBLE: dict[int, Callable[[], object]] = {
    10: lambda: sys.stdout.write("hello\n"),
    20: lambda: _raise(ValueError("the image\nis blue")),
    21: lambda: _raise(torch.OutOfMemoryError("CUDA out of memory. Tried 2.00 GiB")),
    22: lambda: os.kill(os.getpid(), signal.SIGKILL),
    23: lambda: os._exit(7),  # at once: sys.exit may abort in a thread of gloo
    30: lambda: os.kill(os.getpid(), signal.SIGSTOP),
    40: lambda: time.sleep(600),
}
