"""Size, length and arithmetic of the recipes, against what is published of the systems they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from learning import CPU  # noqa: E402 -- after the skip
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 -- after the skip

from bench.recipes import find  # noqa: E402 -- after the skip
from bench.training.blocked import can_block  # noqa: E402 -- after the skip
from bench.training.data import Cifar10  # noqa: E402 -- after the skip
from bench.training.evaluate import FLIP, FLIP_AND_SHIFT, PLAIN, View  # noqa: E402 -- after the skip


class Published(NamedTuple):
    """Batch, steps and views of a run as described; millions of parameters and TFLOP a run where they are published."""

    batch: int
    steps: int
    views: tuple[View, ...]
    parameters: float | None = None
    tflop: float | None = None


PUBLISHED = {
    "myrtle": Published(512, 24 * 97, PLAIN, 6.57, 2712),
    "myrtle-tricks": Published(512, 10 * 97, FLIP, None, 1148),
    "myrtle-tricks-13ep": Published(512, 13 * 97, PLAIN),
    "hlb": Published(1024, 581, FLIP, 4.33),
    "airbench94": Published(1024, 476, FLIP_AND_SHIFT, 1.97, 360),
    "airbench94-muon": Published(2000, 200, FLIP_AND_SHIFT, 1.97, 298),
}


@pytest.fixture(scope="module")
def build(noise: Cifar10) -> Callable[[str], Any]:
    return cache(lambda name: find(name).build(noise, CPU))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_batch_the_steps_of_a_run_and_the_views_of_its_test(name: str, build: Callable[[str], Any]) -> None:
    trainer, published = build(name), PUBLISHED[name]
    assert (trainer.batch, trainer.views) == (published.batch, published.views)
    assert trainer.steps(50_000 // published.batch) == published.steps


@pytest.mark.parametrize("name", [name for name in PUBLISHED if PUBLISHED[name].parameters])
def test_the_number_of_trained_parameters(name: str, build: Callable[[str], Any]) -> None:
    """To the digits that are published."""
    trained = sum(p.numel() for p in build(name).network.parameters() if p.requires_grad)
    assert round(trained / 1e6, 2) == PUBLISHED[name].parameters


@pytest.mark.parametrize("name", [name for name in PUBLISHED if PUBLISHED[name].tflop])
def test_the_arithmetic_of_a_run(name: str, build: Callable[[str], Any]) -> None:
    """A training image is three forward passes (one forward, two backward), a view of a test image one.

    Published of myrtle are 24 epochs of 97 batches of 512 without a test: 2,712 TFLOP. The others count the final test
    of 10,000 images: myrtle-tricks 10 epochs of 97 x 512 and two views, airbench94 476 steps of 1,024 and six views,
    airbench94-muon 400,000 images and six views.
    """
    trainer, published = build(name), PUBLISHED[name]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        trainer.network.eval()(torch.zeros(1, 3, 32, 32))
    tested = 0 if name == "myrtle" else 10_000 * len(published.views)
    passes = 3 * published.steps * published.batch + tested
    assert counter.get_total_flops() * passes / 1e12 == pytest.approx(published.tflop, rel=0.003)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_that_is_trained_has_one_optimiser(name: str, build: Callable[[str], Any]) -> None:
    trainer = build(name)
    made = trainer.optimiser()
    each = [made.sgd, made.muon] if hasattr(made, "muon") else [made.sgd]
    held = [id(p) for optimiser in each for group in optimiser.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in trainer.network.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_cpu_can_compute_it_on_blocked_activations(name: str, build: Callable[[str], Any]) -> None:
    assert can_block(build(name).network)
