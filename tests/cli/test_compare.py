"""bench compare as a user calls it: exit codes, streams, mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.record.documents import Evaluation, Phase, RecipeRef, Series, new_id
from bench.store import open_store
from tests.support.command import Done
from tests.support.types import Bench, MakeRun

Fill = Callable[..., list[str]]


@pytest.fixture
def fill(tmp_path: Path, make_run: MakeRun) -> Fill:
    """`fill(store, recipe, seconds, n)`: n runs of about that long, in a series of their own."""

    def put(store: str, recipe: str, seconds: float, n: int = 12) -> list[str]:
        series = new_id()
        keys = []
        for k in range(n):
            stop = seconds + k % 5 / 100
            run = make_run(
                recipe=RecipeRef(name=recipe, source_sha256="0" * 64),
                seed=k,
                series=Series(id=series, index=k, planned=n),
                phases=(Phase(name="train", start=0, stop=stop),),
                evaluations=(Evaluation(epoch=1, metrics={"accuracy": 0.945 + k / 1e4}, at=stop, final=True),),
            )
            keys.append(open_store(str(tmp_path / store)).put(run))
        return keys

    return put


def test_two_recipes_are_compared_in_words(bench: Bench, fill: Fill) -> None:
    fill("store", "fast", 10)
    fill("store", "slow", 20)
    result = bench("compare", "fast", "slow", "--store", "store", "--metric", "time")
    assert (result.returncode, result.stderr) == (0, "")
    assert "time  fast is 2.00x faster than slow [" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("now", "n", "code", "said"),
    [
        (10.0, 12, 0, ""),
        (11.0, 12, 3, "regression: quick is more than 5 % slower"),
        (10.5, 12, 4, "inconclusive"),
        (20.0, 3, 4, "inconclusive"),
    ],
)
def test_a_recipe_against_its_own_past(bench: Bench, fill: Fill, now: float, n: int, code: int, said: str) -> None:
    fill("old", "quick", 10)
    fill("new", "quick", now, n)
    result = bench(
        "compare",
        "quick",
        "quick",
        "--store",
        "new",
        "--baseline-store",
        "old",
        "--fail-if-slower",
        "5%",
        "--metric",
        "hits",
        "--format",
        "json",
    )
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == (1 if said else 0)
    assert [found["metric"] for found in json.loads(result.stdout)["findings"]] == ["time", "hits"]


def test_too_few_runs_are_no_error_where_nothing_was_to_fail(bench: Bench, fill: Fill) -> None:
    fill("store", "fast", 10, 3)
    fill("store", "slow", 20, 3)
    result = bench("compare", "fast", "slow", "--store", "store")
    assert result.returncode == 0
    assert "inconclusive: n = 3, 3; at least 6 are needed" in result.stdout


def one_line(result: Done, code: int, said: str) -> None:
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_name_asks_for_the_nearest(bench: Bench, fill: Fill) -> None:
    fill("store", "fast", 10, 1)
    one_line(bench("compare", "fats", "fast", "--store", "store"), 2, "did you mean fast?")


def test_a_store_that_is_not_there(bench: Bench) -> None:
    one_line(bench("compare", "a", "b", "--store", "nowhere"), 1, "nowhere")


@pytest.mark.parametrize("share", ["5", "0.05", "-5%", "nan%", "five"])
def test_a_threshold_that_is_no_percentage(bench: Bench, share: str) -> None:
    one_line(bench("compare", "a", "b", f"--fail-if-slower={share}"), 2, "such as 5%")


def test_an_altered_record_is_named_and_outranks_the_verdict(bench: Bench, fill: Fill, tmp_path: Path) -> None:
    key = fill("store", "fast", 10)[0]
    fill("store", "slow", 20)
    path = tmp_path / "store" / key
    path.write_bytes(path.read_bytes().replace(b'"seed":0', b'"seed":9'))
    result = bench("compare", "slow", "fast", "--store", "store", "--fail-if-slower", "5%")
    assert result.returncode == 5
    assert key in result.stderr
    assert "n = 12, 11" in result.stdout
