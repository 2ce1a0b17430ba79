"""Steps on fixed memory, with rates that are read on the device, train exactly as plain ones do.

The path "captured" on a processor: all but the graph. In float64, where what the order of roundings makes of 20 steps
is far below anything that a step does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.recipes import RECIPES, airbench94_muon
from bench.training import evaluate
from bench.training.augment import Augmented, statistics
from bench.training.device import Compute, keep_freed_memory
from bench.training.events import Silent
from bench.training.muon import Muon
from bench.training.optimisers import Average, MasterWeights, Optimiser
from tests.support.learning import CPU
from tests.support.small_recipes import EPOCH, SMALL, all_but_one_slow, name_of, small

CAPTURED = replace(CPU, path="captured")


@pytest.fixture
def in_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What else would be in float32 is in float64: networks, copies of weights, norms, Muon's iteration."""
    as_float = torch.Tensor.float

    def wide(tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.dtype == torch.float64 else as_float(tensor)

    keep_freed_memory()
    monkeypatch.setattr(torch.Tensor, "float", wide)
    for name in ("dtype", "newton_schulz_dtype"):
        monkeypatch.setattr(Compute, name, property(lambda compute: torch.float64))
    # Twelve images are never filled up to hundreds.
    monkeypatch.setattr(evaluate, "SECOND_BATCH", 16)
    yield
    statistics.cache_clear()


class Heard(Silent):
    """Keeps the losses and the accuracies."""

    def __init__(self) -> None:
        self.values = list[float]()

    def loss(self, mean: float) -> None:
        self.values.append(mean)

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        self.values.append(accuracy)


def trained(training: Any, seed: int) -> tuple[list[torch.Tensor], list[float]]:
    """All that the network holds after a run, and what was heard of the run."""
    heard = Heard()
    training.curve = False
    training.run(seed, heard)
    return [value.double().clone() for value in training.network.state_dict().values()], heard.values


def test_every_recipe_is_here_at_a_small_size() -> None:
    trainers = {importlib.import_module(recipe.module).Trainer for recipe in RECIPES}
    assert trainers == {module.Trainer for module in SMALL}


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("recipe", all_but_one_slow(airbench94_muon), ids=name_of)
def test_a_run_on_fixed_memory_is_the_plain_one_whatever_ran_before_it(recipe: Any) -> None:
    plain, fixed = small(recipe, CPU), small(recipe, CAPTURED)
    assert fixed.compute.memory is not None
    weights, heard = trained(plain, 3)
    whole, fixed.epochs = fixed.epochs, 7 / EPOCH
    other, _ = trained(fixed, 4)
    fixed.epochs = whole
    again, heard_again = trained(fixed, 3)
    assert heard_again == pytest.approx(heard, rel=1e-12, abs=1e-12)
    for got, right in zip(again, weights, strict=True):
        assert torch.allclose(got, right, rtol=1e-12, atol=1e-12)
    assert not all(torch.allclose(*pair, atol=1e-6) for pair in zip(other, weights, strict=True))


def held(value: Any) -> Iterator[torch.Tensor]:
    """The tensors that `value` holds from step to step, in what it is made of too."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            # Of an epoch's making, or a step's own.
            if name not in ("first_flip", "picked"):
                yield from held(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from held(each)
    elif isinstance(value, torch.optim.Optimizer):
        yield from held([value.param_groups, list(value.state.values())])
    elif isinstance(value, Augmented | Optimiser | Muon | MasterWeights | Average):
        yield from held(vars(value))


@pytest.mark.parametrize("recipe", SMALL, ids=name_of)
def test_nothing_that_a_graph_reads_lies_elsewhere_in_the_next_run(recipe: Any) -> None:
    training: Any = small(recipe, CAPTURED, steps=2)
    runs = []
    for _ in range(2):  # both are held on to, so that neither lies where the other was
        optimiser, batches = training.fresh(0), training.prepare(training.generator)
        batches.draw()
        for step in range(2):
            training.step(batches, optimiser, step, 2)
        runs.append([*training.network.state_dict().values(), *held(optimiser), *held(batches)])
    first, second = ([tensor.data_ptr() for tensor in run] for run in runs)
    assert len(first) > 20
    assert first == second
