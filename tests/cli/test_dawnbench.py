"""bench import dawnbench and bench export dawnbench, from folder to folder."""

import json
from pathlib import Path

import pytest

from bench.record.documents import Published
from bench.store import open_store, read_all
from tests.support.types import Bench, MakeRun

HEADER = {
    "version": "v1.0",
    "author": "An Author",
    "authorEmail": "author@example.org",
    "framework": "pytorch",
    "model": "A Model",
    "hardware": "V100",
    "costPerHour": 3.06,
    "timestamp": "2018-11-06",
}
WHO = ("--author", "An Author", "--email", "author@example.org")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two entries and a stray log."""
    folder = tmp_path / "entries" / "CIFAR10" / "train"
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text(json.dumps(HEADER))
    for name in ("one", "two", "stray_log"):
        (folder / f"{name}.tsv").write_text("epoch\thours\ttop1Accuracy\n1\t0.02\t94.08\n")
    return folder


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.json"))}


def test_importing_twice_changes_nothing(bench: Bench, checkout: Path, tmp_path: Path) -> None:
    first = bench("import", "dawnbench", "entries", "--store", "store")
    assert (first.returncode, first.stdout, first.stderr) == (0, "2 of 2 entries are in store\n", "")
    before = files(tmp_path / "store")
    assert bench("import", "dawnbench", "entries", "--store", "store").stdout == first.stdout
    assert files(tmp_path / "store") == before
    documents, errors = read_all(open_store(tmp_path / "store"))
    assert not errors
    assert [type(document) for document in documents] == [Published, Published]


def test_a_malformed_entry_is_named_and_the_others_are_imported(bench: Bench, checkout: Path) -> None:
    (checkout / "one.json").write_text('{"author": "\\u001b[31mred"}')
    result = bench("import", "dawnbench", "entries", "--store", "store")
    assert (result.returncode, result.stdout) == (5, "1 of 2 entries are in store\n")
    assert result.stderr.startswith("bench: CIFAR10/train/one.json: timestamp is missing")
    assert len(result.stderr.splitlines()) == 1


def test_an_entry_of_a_day_that_has_not_come_yet_is_named(bench: Bench, checkout: Path) -> None:
    (checkout / "one.json").write_text(json.dumps(HEADER | {"timestamp": "2118-11-06"}))
    result = bench("import", "dawnbench", "entries", "--store", "store")
    assert (result.returncode, result.stdout) == (5, "1 of 2 entries are in store\n")
    assert "one.json: timestamp 2118-11-06" in result.stderr


def test_an_entry_that_changed_is_named_and_not_overwritten(bench: Bench, checkout: Path, tmp_path: Path) -> None:
    bench("import", "dawnbench", "entries", "--store", "store")
    before = files(tmp_path / "store")
    (checkout / "one.json").write_text(json.dumps(HEADER | {"hardware": "8 * V100"}))
    result = bench("import", "dawnbench", "entries", "--store", "store")
    assert (result.returncode, result.stdout) == (5, "1 of 2 entries are in store\n")
    assert "another document is here already" in result.stderr
    assert files(tmp_path / "store") == before


def test_a_folder_that_is_no_checkout(bench: Bench) -> None:
    result = bench("import", "dawnbench", "nowhere", "--store", "store")
    assert result.returncode == 2
    assert "nowhere: no readable folder CIFAR10/train in it" in result.stderr


def test_a_run_is_exported_and_comes_back(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "store").put(make_run())
    result = bench("export", "dawnbench", "--store", "store", "-o", "out", *WHO)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "out/CIFAR10/train/An-Author_myrtle_1Tesla-V100_pytorch.json\n"
    assert bench("import", "dawnbench", "out", "--store", "store").stdout == "1 of 1 entries are in store\n"


def test_nothing_to_export_says_so(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "store").put(make_run(status="failed", reason="OOM"))
    result = bench("export", "dawnbench", "--store", "store", "-o", "out", *WHO)
    assert (result.returncode, result.stdout) == (0, "")
    assert "no run reached 94 % on CIFAR-10" in result.stderr


def test_exporting_from_a_store_that_is_not_there(bench: Bench) -> None:
    result = bench("export", "dawnbench", "--store", "nowhere", "-o", "out", *WHO)
    assert result.returncode == 1
    assert "nowhere" in result.stderr


@pytest.mark.parametrize("words", [("import", "--help"), ("export", "--help"), ("export", "dawnbench", "--help")])
def test_groups_have_help(bench: Bench, words: tuple[str, ...]) -> None:
    assert bench(*words).returncode == 0
