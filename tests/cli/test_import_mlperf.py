"""bench import mlperf: from a tree of results to rows of a report with dollars, and its exit codes."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.published_trees import SYSTEM, mlperf_tree, published_rows as rows, result
from tests.support.types import Bench

# A folder with results as they were published, which are not in the repository.
MLPERF = os.environ.get("BENCH_TEST_MLPERF")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A submitter's results: 3, 1 and 2 minutes on 8 accelerators, the second above the target."""
    return mlperf_tree(tmp_path / "acme", [result(180, 0.92), result(60, 0.93), result(120, 0.91)])


def test_mlperf_results_become_rows_with_dollars(bench: Bench, tree: Path) -> None:
    done = bench("import", "mlperf", "acme", "--price-per-accelerator-hour", "2.5", "--store", "store")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [
        "Acme: llama2_70b_lora on 8 x GPU-X",
        "  2 of 3 (66.7 %) at loss at most 0.925",
    ]
    assert "  MLPerf's score: 2.000 minutes, the mean without the fastest and the slowest" in done.stdout
    (row,) = rows(bench)
    assert (row["clock"], row["time_s"], row["price_per_hour"], row["currency"]) == ("mlperf", 120.0, 20.0, "USD")
    assert (row["metric"], row["direction"], row["target"], row["hits"]) == ("loss", "at most", 0.925, 2)
    assert round(row["train_cost"], 6) == round(120 / 3600 * 20, 6)
    assert round(row["cost_per_success"], 6) == round(360 / 3600 * 20 / 2, 6)
    assert row["final"] == pytest.approx(0.92)
    assert row["left_out_s"] == 40.0


@pytest.mark.parametrize(
    ("words", "hourly"),
    [
        (("--instance", "aws:p5.48xlarge"), 55.04),
        (("--instance", "aws:p5en.48xlarge"), 63.296),  # in the catalogue alone
        (("--price-per-hour", "30", "--currency", "EUR"), 30.0),
    ],
)
def test_mlperf_results_at_a_price(words: Sequence[str], hourly: float, bench: Bench, tree: Path) -> None:
    assert bench("import", "mlperf", "acme", *words, "--store", "store").returncode == 0
    (row,) = rows(bench)
    assert row["price_per_hour"] == hourly


def test_one_result_that_cannot_be_read_is_named_and_the_others_are_imported(
    bench: Bench, tree: Path, tmp_path: Path
) -> None:
    mlperf_tree(tmp_path / "bad", [["nothing of MLPerf"]])
    done = bench("import", "mlperf", ".", "--store", "store")
    assert done.returncode == 5
    assert done.stderr.startswith("bench: bad/results/1xMachine/llama2_70b_lora: result_0.txt: no :::MLLOG line")
    assert len(done.stderr.splitlines()) == 1
    assert len(rows(bench)) == 1


def test_a_system_that_nobody_can_rent_is_said_to_be_one(bench: Bench, tmp_path: Path) -> None:
    mlperf_tree(tmp_path / "acme", [result(60, 0.92)], system=SYSTEM | {"status": "Available on-premise"})
    assert "system: Available on-premise" in bench("import", "mlperf", "acme", "--store", "store").stdout


MINUTES = {
    "Cisco": ("19.806 22.827 22.833 22.817 22.804 25.845 22.812 22.803 22.815 25.828", "23.193", 0.925),
    "Oracle": ("84.142 90.484 84.449 84.044 84.028 83.962 89.895 83.889 83.706 84.264", "84.834", 3.3),
}


@pytest.mark.skipif(not MLPERF, reason="BENCH_TEST_MLPERF names no folder with published results")
@pytest.mark.parametrize("submitter", MINUTES)
def test_mlperf_as_it_was_published(submitter: str, bench: Bench) -> None:
    done = bench("import", "mlperf", f"{MLPERF}/{submitter}", "--price-per-accelerator-hour", "4", "--store", "store")
    minutes, score, at_most = MINUTES[submitter]
    assert f"  minutes: {minutes}\n" in done.stdout
    assert f"  MLPerf's score: {score} minutes" in done.stdout
    (row,) = rows(bench)
    assert (row["metric"], row["direction"], row["target"], row["hits"]) == ("loss", "at most", at_most, 10)
    assert row["train_cost"] == pytest.approx(row["time_s"] / 3600 * 32)


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["mlperf", "none"], 2, "none: no such folder"),
        (["mlperf", "empty"], 2, "empty: no result_*.txt"),
        (["mlperf", "acme", "--instance", "aws:p3.2xlarge"], 2, "has 1 accelerators"),
        (["mlperf", "acme", "--instance", "aws:p9"], 2, "no price for aws:p9"),
        (["mlperf", "acme", "--target", "loss"], 2, "is not METRIC >= VALUE"),
        (["mlperf"], 2, "DIR"),
    ],
)
def test_mistakes(words: list[str], code: int, named: str, bench: Bench, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = bench("import", *words, "--store", "store")
    assert (done.returncode, done.stdout) == (code, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("store/**/*.json"))
