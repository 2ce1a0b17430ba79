"""The spool: what a store did not take waits on the disk, and leaves it only once the store has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument, from_bytes
from bench.store import FolderStore, read_all
from bench.store.spool import Spool, SpooledWriter, drain, spool_folder, spools
from tests.support.builders import make_run
from tests.support.command import run_bench


class Away(FolderStore):
    """A store that cannot be reached until it is `back`."""

    back = False

    def put(self, document: AnyDocument) -> str:
        if not self.back:
            raise StoreError("store there: cannot be reached")
        return super().put(document)


@pytest.fixture(autouse=True)
def folder(spool: Path) -> Path:
    return spool


def test_the_spool_lies_where_the_user_says_else_with_the_users_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BENCH_SPOOL")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert spool_folder() == tmp_path / "state" / "bench" / "spool"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spool_folder() == tmp_path / ".local" / "state" / "bench" / "spool"


def test_a_store_that_works_leaves_nothing_in_the_spool(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, writer = make_run(), SpooledWriter(FolderStore(root))
    assert writer.put(run) == run.key()
    writer.finish()
    assert read_all(FolderStore(root)) == ([run], [])
    assert spools() == []
    assert capsys.readouterr().err == ""


def test_a_record_lies_in_the_spool_while_its_store_is_asked(root: Path) -> None:
    seen: list[AnyDocument] = []

    class Looking(FolderStore):
        def put(self, document: AnyDocument) -> str:
            seen.extend(from_bytes(path.read_bytes(), "x") for path in Spool(self.locator).waiting())
            return super().put(document)

    run = make_run()
    SpooledWriter(Looking(root)).put(run)
    assert seen == [run]


def test_a_record_that_its_store_does_not_take_is_kept_and_the_place_is_said(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, writer = make_run(), SpooledWriter(Away(root))
    assert writer.put(run) == run.key()
    (path,) = Spool(str(root)).waiting()
    assert from_bytes(path.read_bytes(), "x") == run
    assert capsys.readouterr().err == f"bench: store there: cannot be reached; the record is kept in {path}\n"
    with pytest.raises(StoreError, match=f"^1 record .*{root}; `bench store drain`"):
        writer.finish()


def test_a_store_that_comes_back_gets_what_it_missed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, runs = Away(root), [make_run() for _ in range(3)]
    writer = SpooledWriter(store)
    for run in runs[:2]:
        writer.put(run)
        writer.drain()
    store.back = True
    writer.put(runs[2])
    writer.drain()
    writer.finish()
    assert read_all(store) == (sorted(runs, key=lambda run: run.key()), [])
    assert "2 records that waited in the spool are in" in capsys.readouterr().err
    assert spools() == []


def test_records_of_an_earlier_call_go_into_the_same_store_and_no_other(root: Path, tmp_path: Path) -> None:
    mine, other = make_run(), make_run()
    SpooledWriter(Away(root)).put(mine)
    SpooledWriter(Away(tmp_path / "other")).put(other)
    writer, last = SpooledWriter(FolderStore(root)), make_run()
    writer.put(last)
    writer.finish()
    assert read_all(FolderStore(root)) == (sorted([mine, last], key=lambda run: run.key()), [])
    assert [spool.locator for spool in spools()] == [str(tmp_path / "other")]


def test_a_store_named_from_another_folder_is_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SpooledWriter(Away("results")).put(make_run())
    (spool,) = spools()
    assert spool.locator == str(tmp_path / "results")


def test_draining_twice_changes_nothing(root: Path) -> None:
    run, store = make_run(), FolderStore(root)
    SpooledWriter(Away(root)).put(run)
    (spool,) = spools()
    assert drain(spool, store).stored == 1
    assert drain(spool, store).stored == 0
    SpooledWriter(Away(root)).put(run)  # the store has it already
    assert drain(spool, store).stored == 1
    assert read_all(store) == ([run], [])
    assert spool.waiting() == []


def test_a_conflict_is_reported_and_both_records_are_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, first = FolderStore(root), make_run()
    second = first.model_copy(update={"seed": 8})
    store.put(first)
    writer = SpooledWriter(store)
    writer.put(second)
    writer.put(make_run())
    (spool,) = spools()
    done = drain(spool, store)
    (error,) = done.errors
    (path,) = spool.waiting()
    assert isinstance(error, ConflictError)
    assert first.key() in str(error)
    assert str(path) in str(error)
    assert from_bytes(path.read_bytes(), "x") == second
    assert store.read(first.key()) == first
    with pytest.raises(StoreError, match=r"^1 record .*`bench store drain`"):
        writer.finish()
    SpooledWriter(store).finish()
    assert "1 record of other calls is not in" in capsys.readouterr().err


def test_a_damaged_record_is_named_and_stays_and_the_others_go(root: Path) -> None:
    runs = [make_run() for _ in range(3)]
    for run in runs:
        SpooledWriter(Away(root)).put(run)
    (spool,) = spools()
    bad = next(path for path in spool.waiting() if runs[0].id in path.read_text())
    bad.write_bytes(bad.read_bytes()[:-5])
    done = drain(spool, FolderStore(root))
    (error,) = done.errors
    assert isinstance(error, RecordError)
    assert str(error).startswith(f"{bad}: ")
    assert done.stored == 2
    assert spool.waiting() == [bad]


def test_a_store_that_is_still_away_is_told_once_and_everything_stays(root: Path) -> None:
    for _ in range(5):
        SpooledWriter(Away(root)).put(make_run())
    (spool,) = spools()
    done = drain(spool, Away(root))
    assert [str(error) for error in done.errors] == ["store there: cannot be reached"]
    assert len(spool.waiting()) == 5


def test_a_store_whose_name_is_none_any_more_keeps_no_other_from_being_drained(root: Path, tmp_path: Path) -> None:
    run = make_run()
    for locator in ("s3://bucket/../a", str(root), "s3://bucket/../b"):
        Spool(locator).add(run)
    done = run_bench("store", "drain", cwd=tmp_path, env={**os.environ})
    assert done.returncode == 1
    assert done.stdout == f"{root}: 1 record stored, 0 left\n"
    assert FolderStore(root).read(run.key()) == run
    assert sorted(spool.locator for spool in spools()) == ["s3://bucket/../a", "s3://bucket/../b"]


def test_several_drainers_at_once_lose_and_double_nothing(root: Path) -> None:
    runs = [make_run() for _ in range(40)]
    for run in runs:
        SpooledWriter(Away(root)).put(run)
    (spool,) = spools()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: drain(spool, FolderStore(root)), range(4)))
    assert [drained.errors for drained in done] == [[]] * 4
    assert sorted(run.key() for run in runs) == list(FolderStore(root).keys())
    assert spool.waiting() == []


def test_what_neither_store_nor_spool_takes_goes_to_stderr_as_the_record_it_is(
    root: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write_text("a file in the way")
    run, writer = make_run(), SpooledWriter(Away(root))
    writer.put(run)
    said, record, rest = capsys.readouterr().err.split("\n")
    assert rest == ""
    assert said.startswith("bench: store there: cannot be reached; and the spool ")
    assert str(folder) in said
    assert run.key() in said
    assert from_bytes(f"{record}\n".encode(), "x") == run
    with pytest.raises(StoreError) as error:
        writer.finish()
    assert (
        str(error.value) == f"1 record of this call is not in {root}; 1 of them is on stderr alone, as a line to save"
    )


def test_no_defect_of_a_store_ends_a_series_or_stops_a_drain(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(FolderStore):
        def put(self, document: AnyDocument) -> str:
            raise RecursionError("maximum recursion depth exceeded")

    writer = SpooledWriter(Broken(root))
    for _ in range(2):
        writer.put(make_run())
    (spool,) = spools()
    assert len(spool.waiting()) == 2
    assert f"bench: store {root}: failed (RecursionError: maximum" in capsys.readouterr().err
    (error,) = drain(spool, Broken(root)).errors
    assert isinstance(error, StoreError)
    assert drain(spool, FolderStore(root)).stored == 2


def test_a_spool_that_cannot_be_written_is_no_matter_where_the_store_works(
    root: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write_text("a file in the way")
    run = make_run()
    SpooledWriter(FolderStore(root)).put(run)
    assert FolderStore(root).read(run.key()) == run
    assert capsys.readouterr().err == ""


# Writes to a real file system, which is mounted for this process alone.
ON_A_DISK_OF_ITS_OWN = """
import os, sys
sys.path.append(sys.argv[1])
from tests.support.builders import make_run
from bench.store import open_store
from bench.store.spool import SpooledWriter
writer = SpooledWriter(open_store(sys.argv[2]))
runs = [make_run(message="x" * 50_000, status="failed", reason="ERROR", evaluations=()) for _ in range(4)]
for run in runs:
    writer.put(run)
writer.finish()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mount", "reason"), [("size=128k", "the disk is full"), ("ro", "the file system is read-only")]
)
@pytest.mark.parametrize("spooled", [True, False], ids=["spool elsewhere", "spool there too"])
def test_a_real_disk_that_is_full_or_read_only_loses_nothing(
    tmp_path: Path, folder: Path, mount: str, reason: str, spooled: bool
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs unshare, and leave to mount")
    done = subprocess.run(
        [
            *unshare,
            f'mount -t tmpfs -o {mount} tmpfs "$0"; exec "$@"',
            str(disk),
            sys.executable,
            "-c",
            ON_A_DISK_OF_ITS_OWN,
            str(Path(__file__).parents[2]),
            str(disk / "store"),
        ],
        env={**os.environ, "BENCH_SPOOL": str(folder if spooled else disk / "spool")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    told = [line for line in lines if reason in line]
    assert told
    if spooled:
        (spool,) = spools()
        assert len(spool.waiting()) == len(told)
    else:
        printed = [line for line in lines if line.startswith('{"')]
        assert len(printed) + sum("the record is kept in" in line for line in told) == len(told)
        assert {json.loads(line)["kind"] for line in printed} == {"run"}
    assert "not in" in done.stderr
    assert done.returncode == 1
