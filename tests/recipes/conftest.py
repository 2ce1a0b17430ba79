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
def on_one_thread() -> Iterator[None]:
    """See one_thread."""
    from tests.support.learning import one_thread  # here, since it needs torch

    with one_thread():
        yield
