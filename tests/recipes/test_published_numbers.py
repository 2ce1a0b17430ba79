"""Size, length and arithmetic of the recipes, against what is published of the systems they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch

from bench.recipes import RECIPES, Recipe, find
from bench.recipes.fastai_wrn import settings_for
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.evaluate import FLIP, FLIP_AND_SHIFT, PLAIN, View
from bench.training.paths.blocked import can_block
from benchmarks.cpu_sizes import flop
from tests.support.learning import CPU


class Published(NamedTuple):
    """Batch, steps and views of a run as described, and millions of parameters where they are published."""

    batch: int
    steps: int
    views: tuple[View, ...]
    parameters: float | None = None


PUBLISHED = {
    "myrtle": Published(512, 24 * 97, PLAIN, 6.57),
    "myrtle-tricks": Published(512, 10 * 97, FLIP),
    "myrtle-tricks-13ep": Published(512, 13 * 97, PLAIN),
    "hlb": Published(1024, 581, FLIP, 4.33),
    "airbench94": Published(1024, 476, FLIP_AND_SHIFT, 1.97),
    "airbench94-muon": Published(2000, 200, FLIP_AND_SHIFT, 1.97),
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


TFLOP = {"myrtle": 2712, "myrtle-tricks": 1148, "airbench94": 360, "airbench94-muon": 298}


@pytest.mark.parametrize("name", TFLOP)
def test_the_published_arithmetic_of_a_run(name: str) -> None:
    assert find(name).tflop == TFLOP[name]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_arithmetic_of_a_run(recipe: Recipe, build: Callable[[str], Any]) -> None:
    """A training image is three forward passes (one forward, two backward), a view of a test image one.

    Published of myrtle are 24 epochs of 97 batches of 512 without a test; the others count the final test of 10,000
    images in all views.
    """
    trainer = build(recipe.name)
    sizes = getattr(trainer.settings, "sizes", ((0, 32),))
    ends = [start for start, _ in sizes[1:]] + [1]
    of_an_image = sum(
        (end - start) * flop(trainer.network, size) for (start, size), end in zip(sizes, ends, strict=True)
    )
    in_all = 3 * trainer.steps(50_000 // trainer.batch) * trainer.batch * of_an_image
    if recipe.name != "myrtle":
        in_all += 10_000 * len(trainer.views) * flop(trainer.network)
    assert in_all / 1e12 == pytest.approx(recipe.tflop, rel=0.003)


def test_the_arithmetic_of_a_run_on_eight_gpus(build: Callable[[str], Any]) -> None:
    """fastai-wrn: 40 epochs of 48 batches of 1,024."""
    recipe, settings = find("fastai-wrn"), settings_for(8)
    passes = 3 * settings.epochs * (50_000 // settings.batch) * settings.batch + 10_000
    assert passes * flop(build("fastai-wrn").network) / 1e12 == pytest.approx(recipe.tflop_parallel, rel=0.003)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_which_recipes_compute_in_half_precision(recipe: Recipe, noise: Cifar10) -> None:
    able = Compute(torch.device("cpu"), torch.bfloat16, "eager")
    assert (recipe.build(noise, able).compute.precision == torch.bfloat16) == recipe.half


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_that_is_trained_has_one_optimiser(name: str, build: Callable[[str], Any]) -> None:
    trainer = build(name)
    optimiser = trainer.optimiser()
    parts = [optimiser.sgd, optimiser.muon] if hasattr(optimiser, "muon") else [optimiser.sgd]
    held = [id(p) for part in parts for group in part.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in trainer.network.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_cpu_can_compute_it_on_blocked_activations(name: str, build: Callable[[str], Any]) -> None:
    assert can_block(build(name).network)
