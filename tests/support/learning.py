"""How tests train a recipe on a few real images, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.training.data import Cifar10, find, load
from bench.training.device import Compute, keep_freed_memory
from bench.training.events import Silent
from bench.training.loop import Training

CPU = Compute(torch.device("cpu"), torch.float32, "eager")


class Listener(Silent):
    """Keeps the accuracies it hears."""

    def __init__(self) -> None:
        self.accuracies = list[float]()

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        self.accuracies.append(accuracy)


def few(folder: Path, train: int, test: int = 1000) -> Cifar10:
    """The first `train` training images, and the last `test` of them to test on: the test set stays closed."""
    held_out = load(find(folder)).hold_out(test)
    return Cifar10(
        held_out.train_images[:train], held_out.train_labels[:train], held_out.test_images, held_out.test_labels
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Work as small as that of tests gains nothing from more threads, and loses much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def learn(training: Training, seed: int = 0) -> float:
    """The final accuracy of one run."""
    keep_freed_memory()
    listener = Listener()
    with one_thread():
        training.run(seed, listener)
    return listener.accuracies[-1]
