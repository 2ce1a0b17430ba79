"""A user's mistake: one line that says what is wrong, where and what to do; the right exit code; no traceback."""

import json
from pathlib import Path

import pytest

from bench.store import open_store
from tests.support.command import Done
from tests.support.types import Bench, MakeRun


def one_line(done: Done, code: int, *said: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    for words in said:
        assert words in done.stderr


def test_an_unknown_recipe_names_the_nearest(bench: Bench) -> None:
    one_line(bench("run", "airbench95"), 2, "'airbench95'", "did you mean airbench94?")


def test_an_unknown_command_names_the_nearest(bench: Bench) -> None:
    one_line(bench("reprot"), 2, "'reprot'", "Did you mean report?")
    one_line(bench("xyz"), 2, "'xyz'")


def test_a_store_that_is_not_there_is_not_made_to_be_compacted(bench: Bench, tmp_path: Path) -> None:
    one_line(bench("store", "compact", "--store", "nowhere"), 1, "store nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["run", "quick"], ["export", "csv"], ["store", "verify"], ["reconcile", "--runpod"]])
def test_of_two_stores_none_is_left_out_unnoticed(bench: Bench, tmp_path: Path, words: list[str]) -> None:
    one_line(bench(*words, "--store", "one", "--store", "two"), 2, "--store", " ".join(words[:1]))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_far_from_all_names_the_list(bench: Bench) -> None:
    one_line(bench("run", "xyz"), 2, "bench recipes")


def test_missing_data(bench: Bench) -> None:
    one_line(bench("run", "quick"), 1, "no CIFAR-10 here", "bench data fetch")


def test_data_in_the_wrong_folder(bench: Bench, tmp_path: Path) -> None:
    one_line(bench("run", "quick", "--data", str(tmp_path)), 1, str(tmp_path), "no CIFAR-10 batches")


def test_a_series_that_nothing_names_is_said_not_to_go_on(bench: Bench) -> None:
    named = {"BENCH_SERIES_ID": "019aab8c-6c00-7000-8000-000000000000"}
    assert [
        sum("BENCH_SERIES_ID" in line for line in bench("run", "quick", *words, **variables).stderr.splitlines())
        for words, variables in (((), {}), (("--resume",), {}), (("--resume",), named))
    ] == [0, 1, 0]


def test_a_file_in_the_place_of_the_data(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one_line(bench("data", "fetch", "--data", "file"), 1, "file: cannot be written (File exists)", "--data")


def test_verify_without_data(bench: Bench) -> None:
    one_line(bench("data", "verify"), 1, "no CIFAR-10 here")


@pytest.mark.parametrize("amount", ["-3.06", "nan", "cheap"])
def test_a_price_that_is_none(bench: Bench, amount: str) -> None:
    one_line(bench("run", "quick", f"--price-per-hour={amount}"), 2, amount)


def test_a_currency_that_is_none(bench: Bench) -> None:
    one_line(bench("run", "quick", "--price-per-hour", "3", "--currency", "dollars"), 2, "dollars")


@pytest.mark.parametrize("command", ["run quick", "exec -- true", "estimate quick", "lease show"])
@pytest.mark.parametrize("variables", [{}, {"BENCH_INSTANCE": "aws:p3.2xlarge"}])
def test_a_currency_of_no_price(bench: Bench, command: str, variables: dict[str, str]) -> None:
    one_line(bench(*command.split(), BENCH_CURRENCY="EUR", **variables), 2, "--currency", "--price-per-hour")


def test_an_unknown_instance_names_the_nearest(bench: Bench) -> None:
    one_line(bench("run", "quick", "--instance", "aws:p3.2xlage"), 2, "aws:p3.2xlarge")


def test_spot_of_an_unpriced_machine(bench: Bench) -> None:
    one_line(bench("run", "quick", "--spot"), 2, "--instance or --price-per-hour")


def test_no_runs(bench: Bench) -> None:
    one_line(bench("run", "quick", "--runs", "0"), 2, "--runs")


@pytest.mark.parametrize("target", ["nan", "0", "1.5", "inf"])
def test_a_target_that_is_no_accuracy(bench: Bench, target: str) -> None:
    one_line(bench("run", "quick", "--target", target), 2, "--target")


def test_a_store_that_cannot_be_written_is_refused_before_anything_is_trained(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test_batch.bin").write_text("")
    done = bench("run", "quick", "--data", "data", "--store", "file/store")
    one_line(done, 1, "file")


def test_report_of_a_store_that_is_not_there(bench: Bench) -> None:
    one_line(bench("report", "--store", "nowhere"), 1, "nowhere")


def test_report_into_a_folder_that_is_not_there(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    one_line(bench("report", "--store", "store", "-o", "nowhere/report.md"), 1, "nowhere/report.md")


def test_a_record_altered_by_a_byte_is_named_and_the_others_are_reported(
    bench: Bench, tmp_path: Path, make_run: MakeRun
) -> None:
    store = open_store(str(tmp_path / "store"))
    keys = [store.put(make_run(seed=seed)) for seed in (1, 2)]
    path = tmp_path / "store" / keys[0]
    path.write_bytes(path.read_bytes().replace(b'"seed":1', b'"seed":3'))
    done = bench("report", "--store", "store", "--format", "json")
    assert done.returncode == 5
    assert keys[0] in done.stderr
    assert "altered" in done.stderr
    assert [row["runs"] for row in json.loads(done.stdout)["rows"] if row["kind"] == "measured"] == [1]


def test_a_record_of_a_newer_version_asks_for_an_upgrade(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    store = open_store(str(tmp_path / "store"))
    path = tmp_path / "store" / store.put(make_run())
    path.write_bytes(path.read_bytes().replace(b'"schema_version":3', b'"schema_version":4'))
    done = bench("report", "--store", "store")
    assert done.returncode == 5
    assert "upgrade bench" in done.stderr


def test_a_command_in_a_remedy_can_be_typed_as_it_stands(bench: Bench) -> None:
    one_line(bench("report", "--store", "no where"), 1, "bench run RECIPE --store 'no where'")


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--format", "x"],
        ["report", "--fromat", "csv"],
        ["report", "extra\x1b[31m\nline"],
        ["export", "csvv"],
        ["compare"],
        ["completion"],  # whose choices click puts on a line each
        ["reconcile"],
        ["-x"],
        ["xyz\nline"],
    ],
)
def test_a_wrong_call_is_one_line_that_names_the_command_and_its_help(bench: Bench, words: list[str]) -> None:
    done = bench(*words)
    path = {"export": "bench export", "-x": "bench", "xyz\nline": "bench"}.get(words[0], f"bench {words[0]}")
    one_line(done, 2, f"{path}: ", f"{path} --help")
    assert done.stderr.startswith(f"{path}: ")
    assert "\x1b" not in done.stderr


def test_a_group_without_a_command_shows_what_it_has(bench: Bench) -> None:
    done = bench("export")
    assert done.returncode in (0, 2)  # as click's version has it
    assert "parquet" in done.stdout + done.stderr
