"""A lock in a store: one holder at a time, in a folder and in S3, also after a holder was killed."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import re
import signal
import threading
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import lock, open_store, spools
from bench.store.compact import compact
from bench.store.lock import locked
from bench.store.s3 import S3Store
from tests.support.builders import make_run
from tests.support.s3_stub import Answer, S3Stub


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "state" / "spool"))


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    bucket: str = request.getfixturevalue("bucket")
    return f"{bucket}/prefix"


def _hold(url: str, held: Event) -> None:
    with locked(open_store(url), "sweep-x"):
        held.set()
        signal.pause()


def test_a_second_holder_is_refused_until_the_first_ends(url: str) -> None:
    store = open_store(url)
    with locked(store, "sweep-x"):
        with pytest.raises(StoreError, match=str(os.getpid())), locked(store, "sweep-x"):
            pass
        with locked(store, "sweep-y"):
            pass
    with locked(store, "sweep-x") as lost:
        assert not lost.is_set()


@pytest.mark.slow
def test_a_holder_that_was_killed_is_followed_at_once(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(url, held))
    holder.start()
    assert held.wait(60)
    with pytest.raises(StoreError, match=str(holder.pid)), locked(open_store(url), "sweep-x"):
        pass
    holder.kill()
    holder.join()
    with locked(open_store(url), "sweep-x"):
        pass


def test_nothing_is_written_beside_the_spool(tmp_path: Path) -> None:
    """It may be a volume, whose parent a container's user cannot write."""
    with locked(open_store(tmp_path / "store"), "sweep-x"):
        assert [path.name for path in (tmp_path / "state").iterdir()] == ["spool"]
    assert spools() == []


@pytest.mark.parametrize("wait", [False, True])
def test_a_file_system_without_locks_is_not_taken_for_another_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    path = tmp_path / "x.lock"
    with monkeypatch.context() as without:
        without.setattr(fcntl, "flock", refuse)
        with pytest.raises(StoreError) as error, lock.file_lock(path, "x", wait=wait):
            pass
    assert str(path) in str(error.value)
    assert os.strerror(errno.ENOLCK) in str(error.value)
    with lock.file_lock(path, "x", wait=wait):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_lock_is_held_on_a_full_disk() -> None:
    with lock.file_lock(Path("/dev/full"), "x"):
        pass


def test_a_compaction_that_may_not_lock_the_folder_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.put(make_run())
    (tmp_path / "store" / ".tmp" / "compact.lock").mkdir()
    with pytest.raises(StoreError, match=re.escape("compact.lock")):
        compact(store)


def test_one_name_is_locked_on_a_host_whatever_the_store(tmp_path: Path) -> None:
    with locked(open_store(tmp_path / "a"), "sweep-x"), pytest.raises(StoreError, match="sweep-x"):  # noqa: SIM117 -- what raises is inside
        with locked(open_store(tmp_path / "b"), "sweep-x"):
            pass


CLAIM = '{"host": "another", "pid": 1, "until": "%s"}'


def _claimed_elsewhere(store: S3Store, number: int, until: str) -> bool:
    """Whether another host could make the claim of that number."""
    return store.create_object(f".locks/sweep-x/{number:08d}", (CLAIM % until).encode())


def test_another_host_holds_it_until_its_time_is_over(bucket: str) -> None:
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    assert _claimed_elsewhere(store, 1, "2126-11-26T10:00:00+00:00")
    with pytest.raises(StoreError, match="another host"), locked(store, "sweep-x"):
        pass
    assert _claimed_elsewhere(store, 2, "2026-11-22T10:00:00+00:00")
    with locked(store, "sweep-x"):
        assert len(store.objects(".locks/sweep-x/")) == 3
    assert list(store.objects("v1/")) == [], "a lock is no record"


def test_a_lock_is_renewed_and_its_loss_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    monkeypatch.setattr(lock, "_RENEW_S", 0.05)
    with locked(store, "sweep-x") as lost:
        number = 2
        while not _claimed_elsewhere(store, number, "2126-11-26T10:00:00+00:00"):
            number += 1
        assert number > 1
        assert lost.wait(30)


@pytest.mark.parametrize("arrives", ["1", "3"])
def test_a_claim_whose_answer_was_lost_on_its_way_is_held(
    stub: S3Stub, monkeypatch: pytest.MonkeyPatch, arrives: str
) -> None:
    """It is asked again, by boto3 or here, and then refused as there already."""
    lost_answers: list[str] = []
    survived = threading.Event()  # three of them

    def lose(key: str, data: bytes, headers: dict[str, str]) -> Answer | None:
        if key in stub.objects or not key.endswith(("1", "3", "5", "7", "9")):
            return None
        lost_answers.append(key)
        if len(lost_answers) == 4:
            survived.set()
        stub.objects[key] = data
        return Answer(503)

    stub.on_put = lose
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", arrives)
    monkeypatch.setattr(lock, "_RENEW_S", 0.05)
    store = open_store("s3://bucket/p")
    with suppress(StoreError), locked(store, "sweep-x") as lost:
        assert not lost.is_set()
    with locked(store, "sweep-x") as lost:
        assert survived.wait(60)
        assert not lost.is_set()


NO_CLAIMS = {
    "empty": b"",
    "text": b"a note",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "another object": b'{"a": 1}',
    "a word for a time": (CLAIM % "tomorrow").encode(),
    "a time without a zone": (CLAIM % "2026-11-26T10:00:00").encode(),
    "a number for a time": b'{"host": "another", "pid": 1, "until": 7}',
    "a word for a process": b'{"host": "another", "pid": "x", "until": "2026-11-26T10:00:00+00:00"}',
}


@pytest.mark.parametrize("content", NO_CLAIMS.values(), ids=NO_CLAIMS)
def test_what_is_no_claim_is_named_and_nobody_holds_the_lock(stub: S3Stub, content: bytes) -> None:
    stub.objects["p/.locks/sweep-x/00000003"] = content
    with pytest.raises(StoreError) as error, locked(open_store("s3://bucket/p"), "sweep-x"):
        pass
    assert str(error.value).startswith("s3://bucket/p/.locks/sweep-x/00000003: ")
    assert list(stub.objects) == ["p/.locks/sweep-x/00000003"]


def test_other_objects_among_the_claims_are_passed_over(stub: S3Stub) -> None:
    for name in ("", "README", "00000001.bak", "1", "zzz/00000x"):
        stub.objects[f"p/.locks/sweep-x/{name}"] = b""
    stub.objects["p/.locks/sweep-x/99999999"] = (CLAIM % "2026-11-22T10:00:00+00:00").encode()
    with locked(open_store("s3://bucket/p"), "sweep-x"):
        assert "p/.locks/sweep-x/100000000" in stub.objects
    with locked(open_store("s3://bucket/p"), "sweep-x"):
        assert "p/.locks/sweep-x/100000002" in stub.objects
