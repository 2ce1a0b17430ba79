"""bench import trials: from files to rows of a report, to comparisons, and their exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.record.documents import RecipeRef
from bench.store import open_store
from tests.support.published_trees import published_rows as rows, trial, trials_file
from tests.support.types import Bench, MakeRun

# Folders with results as they were published, which are not in the repository.
TRIALS = os.environ.get("BENCH_TEST_TRIALS")
MAP = ("--map", "seconds=time_s", "--map", "value=graded", "--map", "machine=host", "--map", "final_evaluate=eval_s")
WORDS = (*MAP, "--map", "hardware=gpu", "--counts", "prepare,train", "--target", "accuracy >= 0.94")


def import_trials(bench: Bench, *more: str, file: str = "fast.jsonl") -> Any:
    """`bench import trials` of a file as the support makes them."""
    return bench("import", "trials", file, *WORDS, "--store", "store", *more)


@pytest.fixture
def fast(tmp_path: Path) -> Path:
    """20 trials on 4 hosts, 15 of them at the target, 2.00 to 2.38 s."""
    trials = [trial(n, 2 + n / 50, 0.95 if n % 4 else 0.93, "abcd"[n % 4]) for n in range(20)]
    return trials_file(tmp_path / "fast.jsonl", trials)


def test_trials_become_a_row_with_a_share_intervals_and_what_is_left_out(bench: Bench, fast: Path) -> None:
    done = import_trials(bench, "--author", "An Author", "--price-per-hour", "3.6")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        "An Author: fast on GPU-X",
        "  15 of 20 (75.0 %) at accuracy at least 0.94",
        "  20 runs as published, on 4 machines",
    ]
    (row,) = rows(bench)
    assert (row["recipe"], row["machine"], row["clock"]) == ("An Author: fast", "GPU-X", "its author's")
    assert (row["runs"], row["completed"], row["hits"], row["p_hit"], row["timed"]) == (20, 20, 15, 0.75, 20)
    assert (round(row["p_hit_low"], 3), round(row["p_hit_high"], 3)) == (0.131, 0.984)  # one of 4 machines never hit
    assert (row["metric"], row["direction"], row["target"]) == ("accuracy", "at least", 0.94)
    assert (round(row["time_s"], 3), round(row["accuracy"], 3)) == (2.19, 0.945)
    assert row["time_s_low"] < 2.19 < row["time_s_high"]
    assert row["left_out_s"] == 0.5
    assert round(row["train_cost"], 6) == 0.00219
    assert round(row["cost_per_success"], 6) == round(20 * 2.19 / 15 / 1000, 6)
    assert any("left out (medians): final_evaluate 0.500 s" in note for note in row["notes"])


def test_attempts_that_all_failed_are_a_row_without_a_time(bench: Bench, tmp_path: Path) -> None:
    trials_file(tmp_path / "fast.jsonl", [trial(n, None, None) for n in range(7)])
    done = import_trials(bench, "--price-per-hour", "3.6")
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = rows(bench)
    assert (row["runs"], row["failed"], row["hits"], row["p_hit"], row["time_s"]) == (7, 7, 0, 0.0, None)
    assert (row["train_cost"], row["cost_per_success"]) == (None, None)
    assert bench("compare", "fast", "fast@GPU", "--store", "store").returncode == 2  # the same runs


def test_every_format_says_the_same(bench: Bench, fast: Path) -> None:
    import_trials(bench, "--price-per-hour", "3.6")
    for style in ("table", "markdown", "html"):
        text = bench("report", "--store", "store", "--format", style).stdout
        assert all(number in text for number in ("75.0", "2.19", "0.00219", "0.00292", " 0.500 s"))
    table = bench("report", "--store", "store", "--format", "csv").stdout
    assert "its author's" in table
    assert "2.19" in table
    assert bench("report", "--store", "store", "--format", "parquet", "-o", "rows.parquet").returncode == 0


def test_a_what_if_price_is_that_of_published_runs_too(bench: Bench, fast: Path) -> None:
    import_trials(bench)
    (row,) = rows(bench, "--price-per-hour", "3600")
    assert row["train_cost"] is None
    assert round(row["what_if_train_cost"], 3) == 2.19
    assert round(row["what_if_cost_per_success"], 3) == round(20 * 2.19 / 15, 3)


@pytest.mark.parametrize(("which", "shown"), [("stored", 1), ("all", 1), ("claim", 0), ("none", 0)])
def test_which_published_rows_are_shown(which: str, shown: int, bench: Bench, fast: Path) -> None:
    import_trials(bench)
    assert len(rows(bench, "--published", which)) == shown


def test_importing_again_changes_nothing_and_another_price_takes_its_place(
    bench: Bench, fast: Path, tmp_path: Path
) -> None:
    import_trials(bench)
    before = sorted((tmp_path / "store").rglob("*.json"))
    again = import_trials(bench)
    assert again.returncode == 0
    assert again.stdout.startswith("fast on GPU-X (already imported)\n")
    assert sorted((tmp_path / "store").rglob("*.json")) == before
    priced = import_trials(bench, "--price-per-hour", "3.6")
    assert priced.stdout.startswith("fast on GPU-X (replaces an earlier import)\n")
    (row,) = rows(bench)
    assert row["price_per_hour"] == 3.6
    assert len(list((tmp_path / "store").rglob("*.json"))) == len(before) + 1


def test_other_runs_under_the_same_name_are_refused_unless_they_are_to_take_their_place(
    bench: Bench, fast: Path, tmp_path: Path
) -> None:
    import_trials(bench)
    trials_file(fast, [trial(n, 9, 0.95) for n in range(20)])
    before = sorted((tmp_path / "store").rglob("*.json"))
    refused = import_trials(bench)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--replace" in refused.stderr
    assert sorted((tmp_path / "store").rglob("*.json")) == before
    assert import_trials(bench, "--name", "slow").returncode == 0
    assert import_trials(bench, "--replace").returncode == 0
    assert {row["recipe"]: row["time_s"] for row in rows(bench)} == {"fast": 9.0, "slow": 9.0}


def test_a_name_that_a_run_here_has_too_is_no_side_of_a_comparison(
    bench: Bench, fast: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    import_trials(bench, "--name", "quick")
    open_store(tmp_path / "store").put(make_run(recipe=RecipeRef(name="quick", source_sha256="0" * 64)))
    done = bench("compare", "quick", "quick@GPU-X", "--store", "store")
    assert done.returncode == 2
    assert "'quick' names runs on different clocks" in done.stderr


def test_a_claim_of_ones_own_about_a_published_result(bench: Bench, fast: Path, tmp_path: Path) -> None:
    import_trials(bench)
    (tmp_path / "mine.toml").write_text(
        '[[claim]]\nid = "quick"\ntext = "in 3 s"\nA = "fast"\nmetric = "time"\nat_most = "3"\nunit = "s"\n'
    )
    done = bench("claims", "mine.toml", "--store", "store", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert '"supported"' in done.stdout


def test_two_published_results_are_compared(bench: Bench, fast: Path, tmp_path: Path) -> None:
    slow = [trial(n, 3 + n / 100, 0.95, "efg"[n % 3]) for n in range(20)]
    trials_file(tmp_path / "slow.jsonl", slow)
    import_trials(bench)
    import_trials(bench, file="slow.jsonl")
    done = bench("compare", "fast", "slow", "--store", "store", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["policy"] == "published"
    by_metric = {finding["metric"]: finding for finding in found["findings"]}
    assert by_metric["time"]["winner"] == "A"
    assert round(by_metric["time"]["estimate"], 3) == round(3.095 / 2.19, 3)
    # All misses are on one of the 4 machines: of 20 runs each, 5 misses tell nothing of the type.
    assert by_metric["hits"]["winner"] is None
    assert by_metric["hits"]["method"] == "Newcombe, design effect of machines"


def test_hosts_that_differ_more_than_two_results_are_no_difference_between_them(bench: Bench, tmp_path: Path) -> None:
    """40 runs a side on 4 hosts each: runs alone would tell 1 % apart, machines that differ by 8 % do not."""
    for name, shift in (("a", 0.0), ("b", 0.02)):
        trials = [trial(n, 2 + shift + 0.05 * (n % 4) + n / 10_000, 0.95, f"host-{n % 4}") for n in range(40)]
        trials_file(tmp_path / f"{name}.jsonl", trials)
        import_trials(bench, file=f"{name}.jsonl")
    done = bench("compare", "a", "b", "--store", "store", "--metric", "time", "--format", "json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["winner"] is None
    assert "4 and 4 machines" in finding["text"]
    told = bench("compare", "a", "b", "--store", "store", "--metric", "time").stdout
    assert "a: 40 runs on 4 machines (GPU-X); median 2.08 s" in told
    assert "time: as published, which counts prepare, train, medians" in told
    assert [row["time_s_method"] for row in rows(bench)] == ["random effects of machines"] * 2


def test_times_of_unlike_clocks_are_not_compared(bench: Bench, fast: Path, tmp_path: Path) -> None:
    trials_file(tmp_path / "slow.jsonl", [trial(n, 3 + n / 100, 0.95) for n in range(20)])
    import_trials(bench)
    import_trials(bench, "--counts", "prepare,train,evaluate", file="slow.jsonl")
    words = ["--store", "store", "--metric", "time", "--metric", "time-per-success"]
    done = bench("compare", "fast", "slow", *words)
    assert "the clock differs: fast prepare, train; slow prepare, train, evaluate" in done.stdout
    findings = json.loads(bench("compare", "fast", "slow", *words, "--format", "json").stdout)["findings"]
    assert [(finding["estimate"], finding["winner"], finding["inconclusive"]) for finding in findings] == [
        (None, None, "clocks differ: nothing is compared")
    ] * 2


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["trials", "none.jsonl", *WORDS], 2, "none.jsonl: cannot be read"),
        (["trials", "fast.jsonl", *WORDS, "--map", "build=build_s"], 2, "no column 'build_s'"),
        (["trials", "fast.jsonl", *WORDS[2:]], 2, "no column is mapped to seconds"),
        (["trials", "fast.jsonl", *MAP, "--counts", "train", "--target", "accuracy >= 0.94"], 2, "--hardware"),
        (["trials", "fast.jsonl", *WORDS, "--target", "accuracy > 0.94"], 2, "is not METRIC >= VALUE"),
        (["trials", "fast.jsonl", *WORDS, "--counts", "traning"], 2, "did you mean train?"),
        (["trials", "fast.jsonl", *WORDS, "--price-per-accelerator-hour", "2"], 2, "give --accelerators"),
        (["trials", "fast.jsonl", *WORDS, "--price-per-hour", "-2"], 2, "is not a price"),
        (["trials", "fast.jsonl", *WORDS, "--price-per-hour", "2", "--instance", "aws:p5.48xlarge"], 2, "one price"),
        (["trials", "fast.jsonl", *WORDS, "--spot"], 2, "--spot needs --instance"),
        (["trials", "fast.jsonl", *WORDS, "--currency", "EUR"], 2, "--currency"),
        (["trials", "fast.jsonl"], 2, "--map"),
        (["trials", "empty.jsonl", *WORDS], 5, "holds no trials"),
        (["trials", "text.jsonl", *WORDS], 5, "line 1 is not a JSON object"),
        (["trials", "below.jsonl", *WORDS], 5, "cannot be negative"),
        (["trials", "percent.jsonl", *WORDS], 5, "--map value=graded/100"),
    ],
)
def test_mistakes(words: list[str], code: int, named: str, bench: Bench, fast: Path) -> None:
    folder = fast.parent
    (folder / "empty.jsonl").touch()
    (folder / "text.jsonl").write_text("seconds: 2\n")
    trials_file(folder / "below.jsonl", [trial(0, -2, 0.94)])
    trials_file(folder / "percent.jsonl", [trial(0, 2, 94)])
    done = bench("import", *words, "--store", "store")
    assert (done.returncode, done.stdout) == (code, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("store/**/*.json"))


SPREADS = {
    "hiverge": ("1.9781", "0.0236", "24", "0.0227", "121 of 200 (60.5 %)", "0.94021"),
    "e1a_prog_mega": ("1.8225", "0.0170", "12", "0.0158", "125 of 200 (62.5 %)", "0.94048"),
    "e5_full32_n200": ("2.0848", "0.0212", "24", "0.0206", "162 of 200 (81.0 %)", "0.94124"),
    "e5_prog_n200_v2": ("1.8410", "0.0289", "24", "0.0285", "83 of 200 (41.5 %)", "0.93973"),
}


@pytest.mark.skipif(not TRIALS, reason="BENCH_TEST_TRIALS names no folder with published trials")
@pytest.mark.parametrize("setting", SPREADS)
def test_trials_as_they_were_published(setting: str, bench: Bench) -> None:
    (file,) = Path(str(TRIALS)).glob(f"*_{setting}_200.jsonl")
    columns = {"seconds": "compute_honest_s", "value": "graded", "machine": "container_id", "hardware": "gpu"}
    pairs = [word for field, column in columns.items() for word in ("--map", f"{field}={column}")]
    words = ("--counts", "prepare,train", "--target", "accuracy >= 0.94", "--store", "store")
    done = bench("import", "trials", str(file), *pairs, *words)
    mean, sd, machines, between, hits, accuracy = SPREADS[setting]
    assert f"  {hits} at accuracy at least 0.94\n" in done.stdout
    assert (
        f"  mean {mean} s, sd {sd} s; sd of the means of {machines} machines {between} s; mean accuracy {accuracy}, "
    ) in done.stdout
