"""Every recipe at full size through PyTorch's CUDA code: nothing fails, and a step asks no more than it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from csv import DictReader
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median_high
from typing import Any

import pytest

from bench.recipes import RECIPES
from tests.fake_gpu.conftest import Machine

pytestmark = pytest.mark.slow

NAMES = [recipe.name for recipe in RECIPES]
PATHS = ("eager", "captured")
CAPABILITIES = (75, 90)
# Of a captured step beside its graph: what no budget may be raised to.
MOST_BESIDE_A_GRAPH = 5
FLOAT32 = {recipe.name for recipe in RECIPES if not recipe.half}
BUDGETS = {
    (row["recipe"], row["path"]): {what: int(row[what]) for what in ("launches", "graphs", "nodes", "chain")}
    for row in DictReader((Path(__file__).parent / "budgets.csv").open())
}

Trained = Callable[[str, str, int, str], dict[str, Any]]


@pytest.fixture(scope="module")
def trained(machine: Machine) -> Trained:
    """`trained(recipe, what, capability, path)`: what train.py tells of it."""

    @cache
    def all_of(what: str, capability: int, path: str) -> dict[str, dict[str, Any]]:
        done = replace(machine, capability=capability).python("-m", "tests.fake_gpu.train", what, path, *NAMES)
        assert done.returncode == 0, done.stderr
        return {told["recipe"]: told for told in map(json.loads, done.stdout.splitlines())}

    def of(recipe: str, *where: Any) -> dict[str, Any]:
        told = all_of(*where)[recipe]
        assert "error" not in told, told["error"]
        return told

    return of


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_step_asks_of_the_gpu_what_it_must_and_no_more(
    trained: Trained, recipe: str, path: str, capability: int
) -> None:
    told = trained(recipe, "steps", capability, path)
    assert told["path"] == path
    assert told["batch"] == {
        "devices": ["cuda"],
        "dtype": "torch.float32" if recipe in FLOAT32 else "torch.float16",
        "channels_last": True,
        "images": told["batch"]["images"],
    }
    assert told["gradients"] == 0
    steps = [step for epoch in told["steps"] for step in epoch]
    for step in steps:
        assert (step["synchronisations"], step["captures"], step["searches"]) == (0, 0, 0)
    assert sum(evaluation["captures"] for evaluation in told["evaluations"]) == 0
    budget = BUDGETS[recipe, path]
    for what in ("launches", "nodes", "chain"):  # of a step that is not an epoch's first
        assert median_high(step[what] for epoch in told["steps"] for step in epoch[1:]) <= budget[what]
    assert {step["graphs"] for step in steps} == {budget["graphs"]}


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize("path", PATHS)
def test_no_kernel_is_loaded_on_the_clock(trained: Trained, recipe: str, path: str) -> None:
    """CUDA loads each when it is first launched."""
    assert trained(recipe, "steps", 90, path)["first met in the run"] == []


def test_a_captured_step_is_one_graph_and_hardly_a_launch_beside_it() -> None:
    captured = [budget for (_, path), budget in BUDGETS.items() if path == "captured"]
    assert len(captured) == len(NAMES)
    assert {budget["graphs"] for budget in captured} == {1}
    assert max(budget["launches"] for budget in captured) <= MOST_BESIDE_A_GRAPH


@pytest.mark.parametrize("recipe", NAMES)
def test_a_recipe_leaves_a_gpu_of_16_gb_room_for_workspaces(trained: Trained, recipe: str) -> None:
    assert trained(recipe, "memory", 75, "captured")["peak"] < 14 * 2**30
