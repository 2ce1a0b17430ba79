"""A store that cannot be used says so in one line: where, why and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bench.errors import RecordError, StoreError
from bench.record.documents import new_id
from bench.store import FolderStore, Spool, Store, drain, open_store, read_all
from tests.support.builders import make_run


def tree(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*"))


def test_a_store_is_made_before_the_first_run_and_left_clean(store: Store, root: Path) -> None:
    store.check_writable()
    store.check_writable()
    assert tree(root) == [".tmp", "v1"]


@pytest.mark.parametrize("below", ["", "v1", ".tmp", "deep/er"])
def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path, below: str) -> None:
    root = tmp_path / "store"
    way = root / below.split("/")[0]
    way.parent.mkdir(exist_ok=True)
    way.write_text("a file")
    store = open_store(root / below if "/" in below else root)
    with pytest.raises(StoreError, match=f"{root}.*--store"):
        store.check_writable()
    with pytest.raises(StoreError, match=f"{root}.*--store"):
        store.put(make_run())
    assert way.read_text() == "a file"


TROUBLE = [
    ("mkdir", errno.EROFS, "the file system is read-only"),
    ("mkdir", errno.EACCES, "no permission"),
    ("mkdir", errno.EPERM, "no permission"),
    ("fsync", errno.ENOSPC, "the disk is full"),
    ("fsync", errno.EDQUOT, "the disk quota is used up"),
    ("fsync", errno.EIO, "Input/output error"),
]


@pytest.mark.parametrize(("call", "number", "reason"), TROUBLE, ids=[errno.errorcode[n] for _, n, _ in TROUBLE])
def test_trouble_is_told_in_one_line_with_the_store_and_what_to_do(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, reason: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number), str(arguments[0]))

    monkeypatch.setattr(os, call, fail)
    for attempt in (store.check_writable, lambda: store.put(make_run())):
        with pytest.raises(StoreError, match=f"^store {root}: {reason}.*with --store") as error:
            attempt()
        assert "\n" not in str(error.value)


def test_a_full_disk_leaves_neither_a_record_nor_a_temporary_file(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.check_writable()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError):
        store.put(make_run())
    assert [name for name in tree(root) if name.endswith((".json", ".part"))] == []


def test_errors_name_files_as_the_user_spelled_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spelling in ("./here", "~/here/", "here"):
        store = open_store(spelling)
        key = store.put(make_run())
        (tmp_path / "here" / key).write_bytes(b"")
        with pytest.raises(RecordError, match=rf"^{spelling.rstrip('/')}/v1/runs/.*\.json: "):
            store.read(key)
        assert store.name == spelling.rstrip("/")


@pytest.mark.parametrize("url", ["gs://bucket", "https://example.org/x", "file:///tmp/x"])
def test_other_kinds_of_store_are_unknown(url: str) -> None:
    with pytest.raises(StoreError, match="s3://bucket/prefix"):
        open_store(url)


@pytest.mark.parametrize("url", ["", "  "])
def test_a_store_has_a_name(url: str) -> None:
    with pytest.raises(StoreError, match="--store"):
        open_store(url)


def test_the_home_of_a_user_who_does_not_exist_is_no_store() -> None:
    with pytest.raises(StoreError, match="~no-such-user-here"):
        open_store("~no-such-user-here/x")


def test_a_place_is_proved_without_making_a_store_there(tmp_path: Path) -> None:
    there = FolderStore(tmp_path / "not" / "yet")
    there.check_place()
    assert tree(tmp_path) == []
    there.check_writable()
    there.check_place()
    assert tree(tmp_path) == ["not", "not/yet", "not/yet/.tmp", "not/yet/v1"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=rf"there is a file .* --store \({tmp_path}/file\)$"):
        FolderStore(tmp_path / "file" / "store").check_place()


def test_records_behind_links_to_folders_count_and_circles_have_an_end(tmp_path: Path) -> None:
    run, elsewhere = make_run(), FolderStore(tmp_path / "elsewhere")
    elsewhere.put(run)
    month = Path(run.key()).parts[:4]
    linked = tmp_path.joinpath("store", *month)
    linked.parent.mkdir(parents=True)
    linked.symlink_to(tmp_path.joinpath("elsewhere", *month))
    (linked / "again").symlink_to(linked)
    (linked / "top").symlink_to(tmp_path / "store" / "v1")
    other = tmp_path / "other"
    other.mkdir()
    (linked / "there").symlink_to(other)
    (other / "back").symlink_to(tmp_path.joinpath("elsewhere", *month))
    store = FolderStore(tmp_path / "store")
    assert list(store.keys()) == [run.key()]
    assert read_all(store) == ([run], [])


@pytest.mark.parametrize("what", ["a hole of gigabytes", "a link that leads nowhere", "a folder"])
def test_what_can_be_no_record_is_named_and_the_others_are_read(tmp_path: Path, what: str) -> None:
    store, run = FolderStore(tmp_path / "store"), make_run()
    odd = tmp_path / "store" / store.put(run)
    odd = odd.with_name(f"{new_id()}.json")
    if what == "a link that leads nowhere":
        odd.symlink_to("nowhere")
    elif what == "a folder":
        odd.mkdir()
    else:
        with odd.open("wb") as file:
            file.truncate(1 << 36)
    documents, errors = read_all(store)
    assert documents == [run]
    # What is in a folder counts, and nothing is in it.
    assert [odd.name in str(error) for error in errors] == [True] * (what != "a folder")
    assert "permissions" not in str(errors)


@pytest.mark.parametrize("reader", ["keys", "put", "spool"])
def test_a_pipe_in_the_place_of_a_record_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    run, store = make_run(), FolderStore(tmp_path / "store")
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))
    if reader == "spool":
        waiting = Spool(store.locator)
        pipe = waiting.add(run).with_name("0.json")
        os.mkfifo(pipe)
        (error,) = drain(waiting, store).errors
    else:
        pipe = tmp_path / "store" / run.key()
        pipe.parent.mkdir(parents=True)
        os.mkfifo(pipe)
        if reader == "put":
            with pytest.raises(StoreError) as raised:
                store.put(run)
            error = raised.value
        else:
            (error,) = read_all(store)[1]
    assert "not a regular file" in str(error)
    assert pipe.name in str(error)
