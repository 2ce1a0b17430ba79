"""Signals that come while a record is put: what is measured is kept, what is not made is counted, no wait is long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from bench.errors import StoppedError, StoreError
from bench.measure import recording
from bench.measure.recording import Interrupts, LeasePart, recorded
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened, Run, from_bytes, utc_now
from bench.store import FolderStore, Spool, read_all
from tests.support.builders import make_run

LONG_S = 600.0


@pytest.fixture(autouse=True)
def _spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))


def call(store: FolderStore, planned: int = 3) -> list[str]:
    """The statuses of the runs that a call makes, until a signal comes."""
    opened, interrupts = LeaseOpened(provider="own", started=utc_now()), Interrupts()

    def runs() -> Generator[Run, None, int]:
        for index in range(planned):
            if interrupts.received:
                return planned - index
            yield make_run(seed=index)
        return 0

    part = LeasePart(lease_id=opened.id, opened=opened, closes=True, preempted=lambda: False)
    return [run.status for run, _ in recorded(runs, part, store, interrupts, echo=False)]


def signalled(times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGTERM)


def kinds(documents: list[AnyDocument]) -> list[str]:
    return sorted(type(document).__name__ for document in documents)


def waiting(store: FolderStore) -> list[AnyDocument]:
    return [from_bytes(path.read_bytes(), "x") for path in Spool(store.locator).waiting()]


@pytest.mark.parametrize(("puts", "left"), [(1, "3 runs"), (2, "2 runs"), (3, "1 run")])
def test_a_signal_while_a_record_is_put_ends_the_series_and_says_what_was_not_made(
    tmp_path: Path, puts: int, left: str
) -> None:
    asked: list[str] = []

    class Signalled(FolderStore):
        def put(self, document: AnyDocument) -> str:
            asked.append(document.key())
            if len(asked) == puts:
                signalled()
            return super().put(document)

    store = Signalled(tmp_path / "there")
    with pytest.raises(StoppedError, match=f"^stopped by SIGTERM: {left} not executed$"):
        call(store)
    found = read_all(store)[0]
    assert kinds(found) == ["LeaseClosed", "LeaseOpened", *["Run"] * (puts - 1)]
    assert [each.reason for each in found if isinstance(each, LeaseClosed)] == ["interrupted"]


def test_a_signal_with_which_nothing_is_missing_takes_nothing_away(tmp_path: Path) -> None:
    class Signalled(FolderStore):
        def put(self, document: AnyDocument) -> str:
            if isinstance(document, Run):
                signalled()
            return super().put(document)

    assert call(Signalled(tmp_path / "there"), planned=1) == ["completed"]


def test_records_that_a_store_did_not_take_are_named_beside_the_runs_not_made(tmp_path: Path) -> None:
    class Failing(FolderStore):
        def put(self, document: AnyDocument) -> str:
            if isinstance(document, Run):
                signalled()
                raise StoreError("store there: cannot be reached")
            return super().put(document)

    words = "^stopped by SIGTERM: 2 runs not executed; 1 record of this call is not in .*`bench store drain`"
    with pytest.raises(StoppedError, match=words):
        call(Failing(tmp_path / "there"))


@pytest.mark.parametrize("stalls", [LeaseOpened, Run, LeaseClosed])
def test_a_second_signal_leaves_to_the_spool_what_a_store_stalls_on(
    tmp_path: Path, stalls: type[AnyDocument], capsys: pytest.CaptureFixture[str]
) -> None:
    class Stalling(FolderStore):
        def put(self, document: AnyDocument) -> str:
            if isinstance(document, stalls):
                signalled(2)
                time.sleep(LONG_S)
            return super().put(document)

    store, began = Stalling(tmp_path / "there"), time.monotonic()
    store.check_writable()
    with pytest.raises(StoppedError, match=r"^stopped by SIGTERM: .*`bench store drain`"):
        call(store, planned=1)
    assert time.monotonic() - began < LONG_S / 10
    made = ["LeaseClosed", "LeaseOpened", *["Run"] * (stalls is not LeaseOpened)]
    assert sorted(kinds(read_all(store)[0]) + kinds(waiting(store))) == made
    assert stalls.__name__ in kinds(waiting(store))
    assert "no longer waited for" in capsys.readouterr().err


def test_after_two_signals_a_store_has_a_moment_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_BRIEFLY_S", 0.2)

    class Slow(FolderStore):
        def put(self, document: AnyDocument) -> str:
            key = super().put(document)
            if isinstance(document, LeaseClosed):
                time.sleep(LONG_S)
            return key

    opened, interrupts, store = LeaseOpened(provider="own", started=utc_now()), Interrupts(), Slow(tmp_path / "there")

    def runs() -> Generator[Run, None, int]:
        signalled(2)  # while a program is asked to end
        yield make_run()
        return 1

    part = LeasePart(lease_id=opened.id, opened=opened, closes=True, preempted=lambda: False)
    with pytest.raises(StoppedError, match=r"^stopped by SIGTERM: 1 run not executed; 1 record"):
        list(recorded(runs, part, store, interrupts, echo=False))
    assert kinds(read_all(store)[0]) == ["LeaseClosed", "LeaseOpened", "Run"]
    assert kinds(waiting(store)) == ["LeaseClosed"]
