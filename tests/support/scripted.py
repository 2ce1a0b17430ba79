"""A recipe whose training is a function: for tests of all that stands around a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from bench.recipes import Recipe, Trainer
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.events import Events

CPU = Compute(torch.device("cpu"), torch.float32, "eager")
_NONE = np.zeros((0, 3, 32, 32), np.uint8), np.zeros(0, np.uint8)
NO_IMAGES = Cifar10(*_NONE, *_NONE)


def train(events: Events, loss: float = 1.0, accuracy: float = 0.95) -> None:
    """One step of 100 images, and a final evaluation in six views."""
    with events.phase("prepare"):
        pass
    with events.phase("train", epoch=1):
        events.stepped(1, 1, 100)
    events.loss(loss)
    with events.phase("final_evaluate", epoch=1):
        pass
    events.evaluated(1, accuracy, 6, final=True)


@dataclass(frozen=True)
class Scripted(Recipe):
    """Runs `script(seed, events)`. It is a trainer of itself."""

    script: Callable[[int, Events], object] = lambda seed, events: train(events)
    compute: Compute = CPU
    batch: int = 100

    def build(self, data: Cifar10, compute: Compute) -> Trainer:
        return cast(Trainer, self)  # frozen: its batch cannot be set, nor need it

    def warm_up(self) -> None:
        pass

    def run(self, seed: int, events: Events) -> None:
        self.script(seed, events)

    def source_sha256(self) -> str:
        return "0" * 64
