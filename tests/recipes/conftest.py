"""Data for recipes that is no picture of anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bench.training.data import Cifar10


@pytest.fixture(scope="session")
def noise() -> Cifar10:
    """256 training images and 100 test images of random pixels, with labels in turn."""
    images = np.random.default_rng(0).integers(256, size=(356, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(356, dtype=np.uint8) % 10
    return Cifar10(images[:256], labels[:256], images[256:], labels[256:])


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Networks as small as these gain nothing from more threads, and lose much on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
