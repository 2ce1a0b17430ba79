"""bench estimate on the real images."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import DataError, UsageError
from bench.store import open_store
from tests.support.program_runs import make_program_run

pytest.importorskip("torch")


@pytest.mark.slow
def test_seconds_and_dollars_are_extrapolated_from_a_few_steps(cifar10: Path) -> None:
    words = ["estimate", "quick", "--runs", "2", "--steps", "1", "--device", "cpu", "--data", str(cifar10)]
    result = CliRunner().invoke(cli, [*words, "--price-per-hour", "3600"])
    assert result.exit_code == 0, result.output
    line = result.stdout.splitlines()[-1]
    seconds, dollars = line.split(" s for 2 runs, ")
    assert float(seconds.removeprefix("quick: about ")) == pytest.approx(float(dollars.split(" USD")[0]), rel=0.01)
    assert line.endswith("extrapolated from 2 of 50 steps, eager")


def test_an_unknown_recipe_is_named_with_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["estimate", "quik"])
    assert isinstance(result.exception, UsageError)
    assert "quick" in str(result.exception)


def test_without_the_images_it_says_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["estimate", "quick"])
    assert isinstance(result.exception, DataError)
    assert "bench data fetch" in str(result.exception)


def test_a_program_that_was_never_sampled_is_no_unknown_recipe(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put(make_program_run())
    result = CliRunner().invoke(cli, ["estimate", "gpt2", "--store", str(tmp_path)])
    assert isinstance(result.exception, UsageError)
    for words in (str(tmp_path), "gpt2", "bench exec --steps"):
        assert words in str(result.exception)
    store.put(make_program_run(ended="sampled", target=None, evaluations=()))
    result = CliRunner().invoke(cli, ["estimate", "gpt2", "--store", str(tmp_path)])
    assert result.exit_code == 0
