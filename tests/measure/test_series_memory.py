"""Recipes for which a GPU has no room at once: each is made ready all the same, and alone if it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from weakref import WeakSet

import pytest
import torch

from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.recipes import Trainer
from bench.record.documents import Run
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.events import Events
from tests.support.scripted import CPU, NO_IMAGES, Scripted, train


@dataclass
class Gpu:
    """Has room for so many recipes that are ready."""

    room: int
    lacks: Callable[[], Exception] = lambda: torch.OutOfMemoryError("Tried to allocate 2.00 GiB")
    built: int = 9  # of so many there is room for the data
    broken: str = ""  # the recipe that fails
    ready: WeakSet[Ready] = field(default_factory=WeakSet)
    warmed: list[str] = field(default_factory=list)


class Ready:
    """A recipe made ready, which it is as long as somebody holds it."""

    compute, batch = CPU, 100

    def __init__(self, name: str, gpu: Gpu) -> None:
        self.name, self.gpu = name, gpu
        self.itself = self  # as a trainer and the functions that it compiles hold each other
        if len(gpu.ready) == gpu.built:
            raise gpu.lacks()
        gpu.ready.add(self)

    def warm_up(self) -> None:
        self.gpu.warmed.append(self.name)
        if len(self.gpu.ready) > self.gpu.room:
            raise self.gpu.lacks()

    def run(self, seed: int, events: Events) -> None:
        if self.name == self.gpu.broken:
            raise ValueError(self.name)
        train(events)


@dataclass(frozen=True)
class Hungry(Scripted):
    """A recipe for that GPU."""

    gpu: Gpu = field(default_factory=lambda: Gpu(1))

    def build(self, data: Cifar10, compute: Compute) -> Trainer:
        return cast(Trainer, Ready(self.name, self.gpu))


def series(gpu: Gpu, names: str, n: int) -> list[Run]:
    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), Interrupts())
    return list(measurement.runs([Hungry(name, "", 0.94, gpu=gpu) for name in names], n, first_seed=0))


@pytest.mark.parametrize(
    "lacks", [lambda: torch.OutOfMemoryError("2 GiB"), lambda: RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")]
)
def test_a_recipe_without_room_beside_others_is_made_ready_without_them(lacks: Callable[[], Exception]) -> None:
    gpu = Gpu(2, lacks=lacks)
    runs = series(gpu, "abc", 2)
    assert "".join(run.label for run in runs) == "abcabc"
    assert [(run.status, run.valid) for run in runs] == [("completed", True)] * 6
    assert "".join(gpu.warmed) == "abccabbc"


def test_data_without_room_beside_other_recipes_is_placed_without_them() -> None:
    gpu = Gpu(9, built=1)
    runs = series(gpu, "ab", 2)
    assert [(run.label, run.status) for run in runs] == [("a", "completed"), ("b", "completed")] * 2
    assert "".join(gpu.warmed) == "abab"


def test_a_recipe_that_fails_leaves_its_room_to_the_next() -> None:
    gpu = Gpu(1, built=1, broken="a")
    runs = series(gpu, "ab", 1)
    assert [(run.label, run.status) for run in runs] == [("a", "failed"), ("b", "completed")]
    assert "".join(gpu.warmed) == "ab"


def test_a_recipe_without_room_of_its_own_fails_at_once() -> None:
    gpu = Gpu(0)
    (run,) = series(gpu, "a", 1)
    assert (run.status, run.reason, gpu.warmed) == ("failed", "OOM", ["a"])
