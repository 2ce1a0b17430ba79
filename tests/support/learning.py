"""How tests train a recipe on a few real images, on the CPU."""

from __future__ import annotations

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


def learn(training: Training, seed: int = 0) -> float:
    """The final accuracy of one run. By one thread: two would wait for each other where others use the machine."""
    keep_freed_memory()
    listener, threads = Listener(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        training.run(seed, listener)
    finally:
        torch.set_num_threads(threads)
    return listener.accuracies[-1]
