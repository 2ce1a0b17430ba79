"""Records come home through a job's log: what bash packs, Python unpacks, or says that it did not come whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.errors import BenchError, RecordError
from bench.record.documents import Run
from bench.store import FolderStore
from bench.store.base import collect
from bench.store.spool import Spool
from bench.sweep.provisioning.jobs import PACK, unpack
from tests.support.builders import make_run


def _log(home: Path) -> list[str]:
    """What the job prints on a machine with that home, as SkyPilot gives it back."""
    done = subprocess.run(
        ["bash", "-c", PACK],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [f"\x1b[36m(bench-collect, pid=7)\x1b[0m {line}" for line in done.stdout.splitlines()]
    return ["├── Waiting for task resources on 1 node.", *lines, "✓ Job finished (status: SUCCEEDED)."]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def runs(home: Path) -> list[Run]:
    """Forty records on the machine."""
    store, runs = FolderStore(home / "bench-results"), [make_run(seed=seed) for seed in range(40)]
    for run in runs:
        store.put(run)
    return runs


def test_every_record_comes_home_once(home: Path, runs: list[Run], tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put(runs[0])
    collected = collect(unpack(_log(home)), "bench-x", store)
    assert (collected.new, collected.known, collected.errors) == (39, 1, ())
    assert sorted(run.id for run in runs) == sorted(store.read(key).id for key in list(store.keys()))


def test_a_machine_without_records_has_none(home: Path) -> None:
    home.mkdir()
    assert list(unpack(_log(home))) == []


def test_a_log_that_broke_off_is_said_to_have(home: Path, runs: list[Run]) -> None:
    with pytest.raises(BenchError, match="broke off"):
        list(unpack(_log(home)[:-3]))


def test_an_altered_log_is_refused(home: Path, runs: list[Run]) -> None:
    log = _log(home)
    middle = len(log) // 2
    for line in (log[middle][:-1] + ("A" if log[middle][-1] != "A" else "B"), "bench-part:%%%"):
        with pytest.raises(BenchError, match="altered"):
            list(unpack([*log[:middle], line, *log[middle + 1 :]]))


def test_a_corrupt_record_is_named_and_the_others_come(home: Path, runs: list[Run], tmp_path: Path) -> None:
    path = home / "bench-results" / runs[3].key()
    path.write_bytes(path.read_bytes().replace(b'"seed":3', b'"seed":4'))
    collected = collect(unpack(_log(home)), "bench-x", FolderStore(tmp_path / "store"))
    assert collected.new == 39
    (error,) = collected.errors
    assert isinstance(error, RecordError)
    assert runs[3].key() in str(error)


def test_what_waits_in_the_machines_spool_comes_home_too(
    home: Path, runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCH_SPOOL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local" / "state"))
    refused = [make_run(seed=seed) for seed in (41, 42)]
    for run in refused:
        Spool("s3://bucket/keys-have-expired").add(run)
    store = FolderStore(tmp_path / "store")
    assert collect(unpack(_log(home)), "bench-x", store).new == 42
    assert [store.read(run.key()) for run in refused] == refused


def test_a_machine_with_a_spool_only_has_its_records(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_SPOOL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local" / "state"))
    run = make_run()
    file = Spool("s3://bucket/prefix").add(run)
    assert [record.key for record in unpack(_log(home))] == [run.key()]
    file.write_bytes(file.read_bytes()[:-9])
    ((key, _),) = unpack(_log(home))
    assert key.endswith(file.name), "the error names the file"
