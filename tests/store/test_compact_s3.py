"""The compact layer of an S3 store keeps a folder's promises, and reading it takes no more requests with more runs."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.frames.runs import load
from bench.errors import StoreError
from bench.record.base import derived_id
from bench.record.documents import LeaseOpened, Run, to_bytes
from bench.store import Store, compact as layer, open_store
from tests.support.builders import make_run, two_recipes
from tests.support.command import run_bench
from tests.support.s3_stub import S3Stub

URL = "s3://bucket/p"


@pytest.fixture
def store(bucket: str) -> Store:
    """Runs of two recipes on a real server, one of them in a lease."""
    store = open_store(f"{bucket}/records")
    for document in two_recipes(6, "../mine/été"):
        store.put(document)
    return store


def old_run(name: str) -> Run:
    """A run of long ago, which an hour's overlap does not reach."""
    return make_run(id=derived_id(date(2026, 3, 1), name))


def ids(store: Store) -> set[str]:
    frame, errors = load([store])
    assert errors == []
    return set(frame["run_id"])


def place_of(store: Store, key: str) -> tuple[str, str]:
    """The bucket and the whole key."""
    bucket, _, above = store.name.removeprefix("s3://").partition("/")
    return bucket, f"{above}/{key}"


def delete(s3: Any, store: Store, prefix: str) -> None:
    bucket, whole = place_of(store, prefix)
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=whole)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"])


def spoil(s3: Any, store: Store, key: str, data: bytes) -> None:
    bucket, whole = place_of(store, key)
    s3.put_object(Bucket=bucket, Key=whole, Body=data)


@pytest.mark.slow
def test_every_command_says_the_same_from_the_layer(store: Store, tmp_path: Path, spool: Path) -> None:
    calls = (
        ["report", "--format", "json"],
        ["report", "--format", "html"],
        ["export", "csv"],
        ["claims", "--format", "json"],
        ["compare", "myrtle", "../mine/été", "--format", "json"],
    )

    def said() -> list[tuple[int, str, str]]:
        return [run_bench(*words, "--store", store.name, cwd=tmp_path, env=os.environ) for words in calls]

    before = said()
    done = run_bench("store", "compact", "--store", store.name, cwd=tmp_path, env=os.environ)
    assert (done.returncode, done.stdout) == (0, f"{store.name}: 12 runs added to the compact layer\n"), done.stderr
    assert said() == before
    assert [code for code, _, _ in before] == [0] * len(calls), before
    done = run_bench("store", "verify", "--store", store.name, cwd=tmp_path, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")


def test_parts_are_hive_partitioned_and_a_second_compaction_adds_only_what_is_new(store: Store) -> None:
    layer.compact(store)
    before, _ = load([store])
    assert layer.compact(store).added == 0
    new = make_run()
    store.put(new)
    assert ids(store) == {*before["run_id"], new.id}
    assert layer.compact(store).added == 1
    table = layer.read_compact(store)
    assert set(table["run_id"].to_pylist()) == {*before["run_id"], new.id}
    folders = {key.rpartition("/")[0] for key in store.objects(layer.FOLDER)}  # type: ignore[attr-defined]  # S3's own
    assert folders == {
        "v1/compact/3/runs/recipe=myrtle/month=2026-11",
        "v1/compact/3/runs/recipe=..%2Fmine%2F%C3%A9t%C3%A9/month=2026-11",
    }


def test_a_record_that_comes_long_after_its_run_is_seen_at_once(store: Store) -> None:
    layer.compact(store)
    late = old_run("waited in a spool for months")
    store.put(late)
    assert late.id in ids(store)
    assert layer.compact(store).added == 1
    assert late.id in ids(store)


def test_the_mark_of_a_late_record_is_not_empty(store: Store, s3: Any) -> None:
    """After an empty object, S3 and older boto3 together hold up the next one by half a minute."""
    late = old_run("late")
    store.put(late)
    bucket, whole = place_of(store, "v1/compact/late/")
    listing = s3.list_objects_v2(Bucket=bucket, Prefix=whole)
    marks = {item["Key"].rpartition("/")[2]: item["Size"] for item in listing["Contents"]}
    assert marks == {late.id: len(late.id)}


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["v1/compact/", "v1/compact/3/runs/recipe=myrtle/", "v1/compact/3/manifests/"])
def test_any_of_it_may_be_deleted_and_made_again(store: Store, s3: Any, gone: str) -> None:
    store.put(old_run("an old one"))
    layer.compact(store)
    before, _ = load([store])
    delete(s3, store, gone)
    after, errors = load([store])
    assert errors == []
    pd.testing.assert_frame_equal(after, before, check_dtype=False, check_categorical=False)
    layer.compact(store)
    pd.testing.assert_frame_equal(load([store])[0], before, check_categorical=False)


def test_what_it_left_out_is_asked_for_each_time(store: Store, s3: Any) -> None:
    """A run that waits for its lease is in the report; one that is damaged is named, until somebody removes it."""
    lease = LeaseOpened(provider="own", started=datetime(2026, 3, 1, tzinfo=UTC))
    waiting = old_run("waits").model_copy(update={"lease_id": lease.id})
    damaged = store.put(old_run("damaged"))
    store.put(waiting)
    spoil(s3, store, damaged, b"{}")
    done = layer.compact(store)
    assert (done.added, done.waiting, len(done.errors)) == (12, 1, 1)
    frame, errors = load([store])
    assert waiting.id in set(frame["run_id"])
    assert [damaged in str(error) for error in errors] == [True]
    delete(s3, store, damaged)
    assert len(ids(store)) == 13
    store.put(lease)
    assert layer.compact(store).added == 1


def test_a_part_that_cannot_be_read_is_named_with_what_to_do(store: Store, s3: Any) -> None:
    layer.compact(store)
    part = next(iter(store.objects(layer.FOLDER)))  # type: ignore[attr-defined]  # S3's own
    spoil(s3, store, part, b"cut")
    with pytest.raises(StoreError, match="delete v1/compact and compact again") as caught:
        load([store])
    assert part in str(caught.value)


def requests_of_a_report(stub: S3Stub, runs: int, folder: Path) -> int:
    """How many requests a report takes, of so many runs of last year that were compacted."""
    stub.objects.clear()
    stub.page = 10
    for number in range(runs):
        run = make_run(id=derived_id(date(2025, 1, 1) + timedelta(days=number % 300), str(number)))
        stub.objects[f"p/{run.key()}"] = to_bytes(run)
    assert layer.compact(open_store(URL)).added == runs
    stub.requests.clear()
    done = run_bench("report", "--format", "json", "--store", URL, cwd=folder, env=os.environ)
    assert sum(row["runs"] for row in json.loads(done.stdout)["rows"] if row["kind"] == "measured") == runs
    return len(stub.requests)


@pytest.mark.slow
def test_a_report_asks_no_more_of_s3_when_there_are_more_runs(stub: S3Stub, tmp_path: Path) -> None:
    few, many = (requests_of_a_report(stub, runs, tmp_path) for runs in (20, 400))
    assert few == many
    assert many < 20


def test_a_manifest_that_cannot_be_read_hides_no_run(stub: S3Stub) -> None:
    store = open_store(URL)
    for name in "ab":
        run = old_run(name)
        stub.objects[f"p/{run.key()}"] = to_bytes(run)
    layer.compact(store)
    other = old_run("c")
    stub.objects[f"p/{other.key()}"] = to_bytes(other)  # as another program copies it
    assert other.id not in ids(store)
    (line,) = layer.verify(store)
    assert line.startswith(f"{store.name}/{other.key()}: not visible in reports")
    for key in stub.objects:
        if "/manifests/" in key:
            stub.objects[key] = b"{"
    assert other.id in ids(store)
    assert layer.compact(store).added == 1


def test_two_compactions_at_once_do_not_add_the_same_runs(stub: S3Stub) -> None:
    store = open_store(URL)
    store.put(make_run())
    with layer.compaction._layer(store).alone(), pytest.raises(StoreError, match="is already running"):  # type: ignore[union-attr]  # has one
        layer.compact(store)
    assert layer.compact(store).added == 1


@pytest.mark.parametrize("began", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-26T00:00:00+01:00", 5])
def test_what_somebody_else_put_there_hides_no_run_and_breaks_nothing(stub: S3Stub, began: str | int) -> None:
    store = open_store(URL)
    store.put(make_run())
    layer.compact(store)
    left = ["", "../x", "v1/leases/a/opened.json", "v1/runs/2026/x.txt", "v1/runs/"]
    manifest = json.dumps({"began": began, "parts": [], "left": left})
    stub.objects["p/v1/compact/3/manifests/ffff"] = manifest.encode()
    for name in ("x", "x/y", "z/z.json", "019ab000-0000-7000-8000-00000000000g/a"):
        stub.objects[f"p/v1/compact/late/ffff{name}"] = b""
    stub.objects["p/v1/compact/3/runs/notes.txt"] = b"no part"
    assert len(ids(store)) == 1
    store.put(make_run())
    assert len(ids(store)) == 2
