"""bench export csv and parquet: the runs of a store for other tools."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.record.documents import Run
from bench.store import open_store
from tests.support.types import Bench

MakeRun = Callable[..., Run]


def test_csv_goes_to_stdout_or_a_file(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run()
    open_store(tmp_path / "store").put(run)
    done = bench("export", "csv", "--store", "store")
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["run_id"], row["recipe"], row["hit"], row["hourly"]) == (run.id, "myrtle", "true", "")
    assert bench("export", "csv", "--store", "store", "-o", "-").stdout == done.stdout
    assert not (tmp_path / "-").exists()
    assert bench("export", "csv", "--store", "store", "-o", "runs.csv").stdout == ""
    assert (tmp_path / "runs.csv").read_text() == done.stdout


def test_parquet_is_read_back_and_an_altered_record_is_named(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    store = open_store(tmp_path / "store")
    good, bad = make_run(), make_run(seed=8)
    store.put(good)
    path = tmp_path / "store" / store.put(bad)
    path.write_bytes(path.read_bytes().replace(b'"seed":8', b'"seed":9'))
    done = bench("export", "parquet", "--store", "store", "-o", "runs.parquet")
    assert done.returncode == 5
    assert bad.id in done.stderr
    assert pd.read_parquet(tmp_path / "runs.parquet")["run_id"].tolist() == [good.id]


def test_a_file_that_cannot_be_written_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    done = bench("export", "parquet", "--store", "store", "-o", "nowhere/runs.parquet")
    assert done.returncode == 1
    assert done.stderr.startswith("bench: nowhere/runs.parquet: ")


@pytest.mark.parametrize(
    "words",
    [
        ("dawnbench", "--author", "A", "--email", "y"),
        ("dawnbench", "--author", "A", "--email", "a b@example.org"),
        ("dawnbench", "--author", " ", "--email", "a@example.org"),
        ("mllog", "--author", ""),
    ],
)
def test_a_submitter_has_a_name_and_an_address(
    bench: Bench, tmp_path: Path, make_run: MakeRun, words: tuple[str, ...]
) -> None:
    open_store(tmp_path / "store").put(make_run())
    done = bench("export", *words, "-o", "out", "--store", "store")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("mllog",), ("dawnbench", "--email", "a@example.org")])
def test_that_there_is_nothing_to_export_is_said(bench: Bench, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "store").mkdir()
    done = bench("export", *words, "--author", "A", "-o", "out", "--store", "store")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (0, "", 1)


def test_mllog_comes_back_by_its_import(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "store").put(make_run())
    done = bench("export", "mllog", "--store", "store", "-o", "out", "--author", "Me")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = done.stdout.splitlines()
    assert path.startswith("out/Me/results/")
    done = bench("import", "mlperf", "out", "--target", "accuracy >= 0.94", "--store", "other")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1 published result in other"
