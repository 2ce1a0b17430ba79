"""The S3 store, on a real server: what is put once stays, and is read back sorted, sound and by name."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from analysis.frames.runs import load, runs_frame
from bench.errors import ConflictError, RecordError, StoreError, UsageError
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened, Run, derived_id, to_bytes
from bench.store import FolderStore, Store, open_store, read_all
from tests.support.builders import make_run

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def store(bucket: str) -> Store:
    return open_store(f"{bucket}/our/records")


def objects(s3: Any, bucket: str) -> list[str]:
    listing = s3.list_objects_v2(Bucket=bucket.removeprefix("s3://"))
    return sorted(item["Key"] for item in listing.get("Contents", ()))


def test_what_was_put_is_read_back_and_lies_at_its_key(store: Store, bucket: str, s3: Any) -> None:
    run = make_run()
    key = store.put(run)
    assert key == run.key()
    assert store.read(key) == run
    assert objects(s3, bucket) == [f"our/records/{key}"]
    assert s3.get_object(Bucket=bucket[5:], Key=f"our/records/{key}")["Body"].read() == to_bytes(run)


def test_a_bucket_without_a_prefix_is_a_store_too(bucket: str, s3: Any) -> None:
    run = make_run()
    store = open_store(bucket)
    store.put(run)
    assert read_all(store) == ([run], [])
    assert objects(s3, bucket) == [run.key()]


def test_putting_the_same_record_again_changes_nothing(store: Store, bucket: str, s3: Any) -> None:
    run = make_run()
    store.put(run)
    before = s3.list_objects_v2(Bucket=bucket[5:])["Contents"]
    assert store.put(run) == run.key()
    assert s3.list_objects_v2(Bucket=bucket[5:])["Contents"] == before


def test_another_record_under_the_same_key_is_refused_and_the_first_one_stays(store: Store) -> None:
    run = make_run()
    store.put(run)
    with pytest.raises(ConflictError, match=f"^{store.name}/{run.key()}: "):
        store.put(run.model_copy(update={"seed": 8}))
    assert store.read(run.key()) == run


def test_of_many_writers_of_one_key_one_wins_and_the_others_are_told(store: Store) -> None:
    run = make_run()
    runs = [run.model_copy(update={"seed": seed}) for seed in range(8)]

    def put(run: Run) -> int | None:
        try:
            open_store(store.name).put(run)
        except ConflictError:
            return None
        return run.seed

    with ThreadPoolExecutor(len(runs)) as pool:
        (winner,) = [seed for seed in pool.map(put, runs) if seed is not None]
    assert store.read(run.key()) == run.model_copy(update={"seed": winner})


def test_the_server_refuses_bytes_that_are_not_those_sent(bucket: str, s3: Any) -> None:
    other = b64encode(hashlib.sha256(b"another").digest()).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket[5:], Key="v1/x.json", Body=b"one", ChecksumSHA256=other)


def test_bytes_that_were_altered_on_their_way_are_refused_and_nothing_is_stored(
    store: Store, bucket: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = hashlib.sha256(b"what was meant")
    monkeypatch.setattr("bench.store.s3.hashlib.sha256", lambda _: wrong)
    with pytest.raises(StoreError, match="BadDigest"):
        store.put(make_run())
    assert objects(s3, bucket) == []


def test_keys_are_sorted_and_chosen_by_prefix(store: Store) -> None:
    days = [date(2025, 3, 1), date(2026, 1, 31), date(2026, 2, 1)]
    keys = sorted(store.put(make_run(id=derived_id(day, name))) for day in days for name in "ab")
    lease = LeaseOpened(provider="own", started=NOW)
    leases = sorted(store.put(document) for document in (lease, LeaseClosed(id=lease.id, stopped=NOW)))
    assert list(store.keys()) == [*leases, *keys]
    assert list(store.keys("v1/runs/")) == keys
    assert list(store.keys("v1/runs/2026/")) == list(store.keys("v1/runs/2026")) == keys[2:]
    assert list(store.keys("v1/runs/2026/01/")) == keys[2:4]
    assert list(store.keys(keys[2])) == [keys[2]]
    assert list(store.keys("v2/")) == []


@pytest.mark.parametrize("stray", ["notes.json", "v1/README.md", "v1/.hidden/a.json", "v1/compact/runs/a.parquet"])
def test_objects_that_are_no_records_are_passed_over(store: Store, bucket: str, s3: Any, stray: str) -> None:
    run = make_run()
    store.put(run)
    s3.put_object(Bucket=bucket[5:], Key=f"our/records/{stray}", Body=b"not a record")
    s3.put_object(Bucket=bucket[5:], Key="our/records-of-others/v1/a.json", Body=b"not ours")
    assert read_all(store) == ([run], [])


def test_reading_goes_on_past_bad_records_and_names_each_one(store: Store, bucket: str, s3: Any) -> None:
    runs = [make_run() for _ in range(3)]
    keys = [store.put(run) for run in runs]
    altered = to_bytes(runs[0]).replace(b'"seed":7', b'"seed":8')
    s3.put_object(Bucket=bucket[5:], Key=f"our/records/{keys[0]}", Body=altered)
    s3.put_object(Bucket=bucket[5:], Key="our/records/v1/runs/copy.json", Body=to_bytes(runs[1]))
    documents, errors = read_all(store)
    assert documents == sorted(runs[1:], key=lambda run: run.key())
    assert {str(error).partition(": ")[0] for error in errors} == {
        f"{store.name}/{keys[0]}",
        f"{store.name}/v1/runs/copy.json",
    }


def test_a_record_that_is_missing_is_named(store: Store) -> None:
    key = make_run().key()
    with pytest.raises(RecordError, match=f"^{store.name}/{key}: "):
        store.read(key)
    (error,) = store.read_many([key])
    assert key in str(error)


@pytest.mark.parametrize("key", ["", "x.json", "v1/../x.json", "v1//x.json", "v1/.x.json"])
def test_a_key_that_can_name_no_record_is_refused(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="v1/runs/"):
        store.read(key)


def test_a_prefix_below_which_nothing_lies_is_no_store_and_one_that_was_begun_is(store: Store) -> None:
    with pytest.raises(StoreError, match=f"{store.name}: .*`bench run RECIPE --store {store.name}`"):
        store.keys()
    store.check_writable()
    store.check_writable()
    assert read_all(store) == ([], [])


def test_the_frame_of_an_s3_store_is_that_of_its_documents(store: Store, tmp_path: Path) -> None:
    lease = LeaseOpened(provider="own", instance_type="big one", started=NOW)
    folder = FolderStore(tmp_path / "folder")
    documents: list[AnyDocument] = [lease, *(make_run(lease_id=lease.id, seed=seed) for seed in range(3))]
    for document in documents:
        folder.put(document)
        store.put(document)
    frame, errors = load([store])
    assert errors == []
    assert frame.equals(load([folder])[0])
    assert list(frame) == list(runs_frame(read_all(store)[0]))


def test_records_are_encrypted_as_asked(store: Store, bucket: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_S3_SSE", "AES256")
    key = store.put(make_run())
    assert s3.head_object(Bucket=bucket[5:], Key=f"our/records/{key}")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("settings", [{"SSE": "rot13"}, {"SSE": "AES256", "SSE_KMS_KEY_ID": "alias/mine"}])
def test_encryption_that_s3_does_not_have_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"BENCH_S3_{name}", value)
    with pytest.raises(UsageError, match="BENCH_S3_SSE"):
        store.check_writable()


@pytest.mark.parametrize("url", ["s3://bucket/a//b/", "S3://bucket/a/b", Path("s3://bucket/a/b")])
def test_one_store_has_one_name(url: str | Path) -> None:
    assert open_store(url).name == open_store(url).locator == "s3://bucket/a/b"


@pytest.mark.parametrize("url", ["s3://bucket/.", "s3://bucket/a/./b", "s3://bucket/../b", "s3://bucket/a/.."])
def test_a_prefix_that_changes_on_its_way_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


@pytest.mark.slow
def test_many_processes_read_what_one_reads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make_run() for _ in range(5)]
    keys = [*sorted(store.put(run) for run in runs), make_run().key()]
    one = [str(found) for found in store.read_many(keys)]
    monkeypatch.setattr("bench.store.s3._WORTH_PROCESSES", 2)
    monkeypatch.setattr("bench.store.s3._BATCH", 2)
    assert [str(found) for found in store.read_many(keys)] == one
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY"):
        list(store.read_many(keys))


def test_reading_many_holds_only_some_of_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [store.put(make_run()) for _ in range(2)] * 200
    read: Counter[str] = Counter()
    monkeypatch.setattr(store, "read_bytes", lambda key: read.update([key]) or b"")
    results = store.read_many(keys)
    next(results)
    assert read.total() <= 100
    assert isinstance(results, Generator)
    results.close()
