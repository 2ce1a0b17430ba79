"""The folder store: what is put once stays, and is read back sorted, sound and by name."""

from __future__ import annotations

import errno
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.errors import ConflictError, RecordError, StoreError
from bench.record.documents import LeaseClosed, LeaseOpened, to_bytes
from bench.store import FolderStore, Store, open_store, read_all
from tests.support.builders import make_run


def test_what_was_put_is_read_back_and_lies_at_its_key(store: Store, root: Path) -> None:
    run = make_run()
    key = store.put(run)
    assert key == run.key()
    assert store.read(key) == run
    assert (root / key).read_bytes() == to_bytes(run)
    assert list((root / ".tmp").iterdir()) == []


def test_a_folder_is_told_from_another_by_more_than_its_path(tmp_path: Path) -> None:
    here, there = FolderStore(tmp_path / "here"), FolderStore(tmp_path / "there")
    assert re.fullmatch(r"[0-9a-f]{16}", here.identity())
    assert here.identity() == FolderStore(tmp_path / "here").identity() != there.identity()
    assert list(here.keys()) == []


def test_leases_are_stored_beside_runs(store: Store) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    opened = LeaseOpened(provider="own", started=now)
    closed = LeaseClosed(id=opened.id, stopped=now)
    run = make_run()
    for document in (run, opened, closed):
        store.put(document)
    assert read_all(store) == ([closed, opened, run], [])


def test_putting_the_same_record_again_changes_nothing(store: Store, root: Path) -> None:
    run = make_run()
    store.put(run)
    before = (root / run.key()).stat()
    assert store.put(run) == run.key()
    after = (root / run.key()).stat()  # all but the time of access: putting reads what lies there
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


def test_another_record_under_the_same_key_is_refused_and_the_first_one_stays(store: Store, root: Path) -> None:
    run = make_run()
    store.put(run)
    with pytest.raises(ConflictError, match=f"{root}/{run.key()}: "):
        store.put(run.model_copy(update={"seed": 8}))
    assert store.read(run.key()) == run
    assert list((root / ".tmp").iterdir()) == []


def test_a_file_system_without_hard_links_keeps_the_same_promises(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    run = make_run()
    store.put(run)
    store.put(run)
    with pytest.raises(ConflictError, match=run.id):
        store.put(run.model_copy(update={"seed": 8}))
    assert store.read(run.key()) == run
    assert [path.name for path in (root / ".tmp").iterdir()] == ["lock"]


def test_a_file_system_that_cannot_sync_folders_is_used_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    run = make_run()
    assert store.read(store.put(run)) == run


def test_every_folder_down_to_the_record_is_forced_to_the_disk(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    key = store.put(make_run())
    folders = [root / key, *(root / key).parents]
    down_to_the_first_that_was_there = folders[: folders.index(root.parent.parent) + 1]
    assert {path.stat().st_ino for path in down_to_the_first_that_was_there} <= set(synced)


def test_a_store_that_is_not_there_says_how_to_make_one(store: Store, root: Path) -> None:
    with pytest.raises(StoreError, match=f"{root}: .*`bench run RECIPE --store {root}`"):
        store.keys()
    assert not root.exists()


def test_a_store_that_is_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        read_all(open_store(tmp_path / "file"))


def test_an_empty_folder_is_an_empty_store(tmp_path: Path) -> None:
    assert read_all(open_store(tmp_path)) == ([], [])


def test_keys_are_sorted_and_chosen_by_prefix(store: Store) -> None:
    keys = sorted(store.put(make_run()) for _ in range(5))
    lease = store.put(LeaseOpened(provider="own", started=datetime(2026, 11, 22, tzinfo=UTC)))
    assert list(store.keys()) == [lease, *keys]
    assert list(store.keys("v1/runs/")) == keys
    assert list(store.keys(keys[2])) == [keys[2]]
    assert list(store.keys("v2/")) == []


@pytest.mark.parametrize(
    "stray",
    [
        "notes.json",
        "v1/README.md",
        "v1/runs/._a.json",
        "v1/.hidden/a.json",
        ".tmp/a.json",
        "v1/compact/a.parquet",
    ],
)
def test_files_that_are_no_records_are_passed_over(store: Store, root: Path, stray: str) -> None:
    run = make_run()
    store.put(run)
    (root / stray).parent.mkdir(parents=True, exist_ok=True)
    (root / stray).write_text("not a record")
    assert read_all(store) == ([run], [])


def test_reading_goes_on_past_bad_records_and_names_each_one(store: Store, root: Path) -> None:
    runs = [make_run() for _ in range(4)]
    keys = [store.put(run) for run in runs]
    (root / keys[0]).write_bytes(to_bytes(runs[0])[:-9])
    (root / keys[2]).write_bytes(to_bytes(runs[2]).replace(b'"seed":7', b'"seed":8'))
    (root / "v1/runs/empty.json").write_bytes(b"")
    (root / "v1/runs/dangling.json").symlink_to(root / "nowhere")
    documents, errors = read_all(store)
    assert sorted(document.key() for document in documents) == sorted([keys[1], keys[3]])
    named = {str(error).partition(": ")[0] for error in errors}
    bad = [keys[0], keys[2], "v1/runs/empty.json", "v1/runs/dangling.json"]
    assert named == {f"{root}/{key}" for key in bad}


def test_a_copy_of_a_record_under_another_name_is_not_counted_twice(store: Store, root: Path) -> None:
    run = make_run()
    key = store.put(run)
    (root / "v1/runs/copy.json").write_bytes((root / key).read_bytes())
    documents, (error,) = read_all(store)
    assert documents == [run]
    assert str(error).startswith(f"{root}/v1/runs/copy.json: ")
    assert key in str(error)


def test_a_record_that_is_missing_or_unreadable_is_named(store: Store, root: Path) -> None:
    key = make_run().key()
    with pytest.raises(RecordError, match=rf"{key}: .*No such file"):
        store.read(key)
    (root / key).mkdir(parents=True)
    with pytest.raises(RecordError, match=f"{key}: "):
        store.read(key)


@pytest.mark.parametrize("key", ["", "v1", "x.json", "v1/../x.json", "/etc/x.json", "v1//x.json", "v1/.x.json"])
def test_a_key_that_can_name_no_record_is_refused(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="v1/runs/"):
        store.read(key)
