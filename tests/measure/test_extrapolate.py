"""A run's length from a few of its steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from bench.measure import extrapolate as module
from bench.measure.extrapolate import extrapolate
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.evaluate import FLIP
from bench.training.loop import Training

IMAGES = np.zeros((40, 3, 8, 8), np.uint8)


class Clock:
    """A clock that stands still but where the work moves it."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Paced(Training):
    """Steps take 1 s in the first half of a run and 3 s in the second, a look at the test images takes 5 s."""

    stages = (0.0, 0.5)

    def __init__(self, clock: Clock) -> None:
        data = Cifar10(IMAGES, IMAGES[:, 0, 0, 0], IMAGES, IMAGES[:, 0, 0, 0])
        compute = Compute(torch.device("cpu"), torch.float32, "eager")
        super().__init__(
            data, compute, nn.Sequential(nn.Flatten(), nn.Linear(192, 10)), batch=10, epochs=25, views=FLIP
        )
        self.clock, self.half = clock, 0
        self.forward = self.look

    def look(self, images: torch.Tensor) -> torch.Tensor:
        if not self.network.training:
            self.clock.now += 5
        logits: torch.Tensor = self.network(images)
        return logits

    def prepare(self, generator: torch.Generator) -> Paced:
        self.clock.now += 2
        return self

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _ in range(4):
            yield torch.zeros(10, 3, 8, 8), torch.zeros(10, dtype=torch.int64)

    def set_stage(self, progress: float) -> None:
        self.clock.now += 1 if progress < 0.5 else 3

    def optimiser(self) -> Paced:
        return self

    def schedule(self, step: int, steps: int) -> None:
        """Nothing to set."""

    def step(self) -> None:
        """Nothing moves."""


def test_each_turn_s_steps_count_by_their_own_pace_and_every_view_of_the_evaluation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    guess = extrapolate(Paced(clock), samples=3)
    assert (guess.steps, guess.sampled) == (100, 6)
    assert (guess.prepare, guess.train, guess.final_evaluate) == (2, 50 * 1 + 50 * 3, 10)
    assert guess.total == 212
