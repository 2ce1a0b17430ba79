"""A run's length from a few of its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bench.measure import extrapolate as module
from bench.measure.extrapolate import extrapolate
from bench.training.augment import Augmented
from bench.training.data import Cifar10
from bench.training.evaluate import FLIP
from bench.training.loop import Training
from bench.training.optimisers import Optimiser
from tests.support.learning import CPU

IMAGES = np.zeros((40, 3, 8, 8), np.uint8)


class Clock:
    """A clock that stands still but where the work moves it."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Still(Optimiser):
    """Moves nothing."""

    def rates(self, step: int, steps: int) -> list[float]:
        return []

    def step(self) -> None:
        pass


class Paced(Training):
    """Steps take 1 s in the first half of a run and 3 s in the second, a look at the test images takes 5 s."""

    stages = (0.0, 0.5)

    def __init__(self, clock: Clock) -> None:
        data = Cifar10(IMAGES, IMAGES[:, 0, 0, 0], IMAGES, IMAGES[:, 0, 0, 0])
        super().__init__(data, CPU, nn.Sequential(nn.Flatten(), nn.Linear(192, 10)), batch=10, epochs=25, views=FLIP)
        self.clock = clock
        self.network.register_forward_pre_hook(self.look)

    def look(self, network: nn.Module, inputs: object) -> None:
        if not network.training:
            self.clock.now += 5

    def prepare(self, generator: torch.Generator) -> Augmented:
        self.clock.now += 2
        return self.augmented(generator, pad=0)

    def set_stage(self, progress: float) -> None:
        self.clock.now += 1 if progress < 0.5 else 3

    def optimiser(self) -> Still:
        return Still([], self.compute)


def test_each_turn_s_steps_count_by_their_own_pace_and_every_view_of_the_evaluation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    guess = extrapolate(Paced(clock), samples=3)
    assert (guess.steps, guess.sampled) == (100, 6)
    assert (guess.prepare, guess.train, guess.final_evaluate) == (2, 50 * 1 + 50 * 3, 10)
    assert guess.total == 212
