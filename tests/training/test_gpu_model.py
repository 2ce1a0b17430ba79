"""The modelled seconds of docs/gpu.md: what an operation moves, and that the page has what the model says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.recipes import RECIPES
from bench.sweep.planning.peaks import Peak
from benchmarks.gpu_model import (
    ARITHMETIC,
    FUSED,
    HOST_GRAPH,
    MEASURED,
    MEMORY,
    Operations,
    before,
    captured,
    now,
    parts,
    parts_table,
    table,
    when_measured,
)
from benchmarks.gpu_traffic import Traffic, moved
from tests.support.between import assert_between

ROOT = Path(__file__).parents[2]
X = torch.empty(1000, 16, device="meta")  # 64 kB


@pytest.mark.parametrize(
    ("work", "kilobytes"),
    [
        (lambda: X + X, 192),
        (lambda: X.view(16, 1000).t(), 0),
        (lambda: X + torch.empty(1, device="meta").expand(1000, 16), 128),
        (lambda: X.half(), 96),
    ],
    ids=["two are read and one is written", "a view", "an expanded tensor lies in memory once", "half a size"],
)
def test_an_operation_moves_what_it_reads_and_writes(work: Callable[[], object], kilobytes: int) -> None:
    assert moved(work) == pytest.approx(1000 * kilobytes, abs=8)


GPU = Peak("one", half=100.0, float32=10.0, memory=1.0, source="", read="")


def test_a_run_takes_its_arithmetic_its_bytes_and_its_operations() -> None:
    of = Traffic("one", steps=100, tflop=57.0, step_bytes=8.5e9, half=True)
    assert now(of, GPU, Operations(0, 0)) == pytest.approx(57 / (100 * ARITHMETIC) + 100 * 8.5e9 / (MEMORY * 1e12))
    single = Traffic("one", steps=100, tflop=57.0, step_bytes=8.5e9, half=False)
    assert now(single, GPU, Operations(0, 0)) == pytest.approx(11)


def test_a_host_that_is_later_is_what_a_run_takes() -> None:
    of = Traffic("one", steps=1000, tflop=0.0, step_bytes=0.0, half=True)
    assert now(of, GPU, Operations(0, 1)) == pytest.approx(1000 * HOST_GRAPH)
    assert before(of, GPU, Operations(280, 100)) > now(of, GPU, Operations(280, 100))


def test_every_recipe_has_a_budget() -> None:
    assert set(captured()) == {recipe.name for recipe in RECIPES}


def test_what_was_measured_is_what_the_readme_has_of_the_records() -> None:
    text = (ROOT / "README.md").read_text().partition("<!-- runs on the H100 -->\n")[2].partition("<!-- end")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    seconds = {row[0].strip("`"): float(row[5].split()[0]) for row in rows}
    assert seconds == MEASURED


@pytest.mark.slow
def test_the_page_on_gpus_has_what_the_model_says() -> None:
    lines = "\n".join([*table(captured()), ""])
    assert_between(ROOT / "docs" / "gpu.md", "<!-- modelled -->\n", "<!-- end of modelled -->\n", lines)
    lines = "\n".join([*parts_table(), ""])
    assert_between(ROOT / "docs" / "gpu.md", "<!-- parts -->\n", "<!-- end of parts -->\n", lines)


def test_a_run_of_which_a_compiled_step_was_counted_takes_what_that_moves_and_launches() -> None:
    of = Traffic("speedrun", steps=100, tflop=57.0, step_bytes=8.5e9, half=True)
    fused = FUSED["speedrun"]
    assert now(of, GPU, Operations(0, 1000)) == pytest.approx(sum(parts(of, GPU, fused.operations)))
    assert parts(of, GPU, Operations(0, 1000))[1] == pytest.approx(100 * fused.bytes / (MEMORY * 1e12))
    assert when_measured(of, GPU, Operations(0, 0)) == pytest.approx(1 + 1)
