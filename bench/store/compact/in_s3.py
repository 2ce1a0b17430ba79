"""The compact layer below an S3 prefix. Listing a million objects takes a thousand requests, so a manifest avoids it.

    v1/compact/3/runs/recipe=…/month=…/<part id>.parquet    as in a folder
    v1/compact/3/manifests/<id>                             what a compaction looked at, JSON
    v1/compact/late/<time id>/<run id>                      its id: a record that was put long after its run

The keys of runs sort by time. So a report lists only those that are newer than the last compaction began, and asks
for the few that it left out and for those that came late; S3Store marks these before it puts them. A manifest names
the parts that it stands for, and counts only while all of them are there: whatever is deleted, no run is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from bench.concurrency import in_threads
from bench.errors import StoreError
from bench.record.documents import Part, Utc, new_id, run_key, utc_now
from bench.store import RUNS, is_record_key
from bench.store.compact.layer import COMPACT, FOLDER, LAYER, OLDER, READ_SCHEMA, SHARED, UNREADABLE
from bench.store.lock import locked
from bench.store.s3 import LATE, LATE_AFTER, S3Store

_MANIFESTS = f"{LAYER}/manifests/"
# How far a clock may be from the right time: beyond that S3 refuses (RequestTimeTooSkewed).
_SKEW = timedelta(minutes=15)
# A record may be on its way for LATE_AFTER, and for as long again once it is marked, by two clocks.
_OVERLAP = 2 * LATE_AFTER + 2 * _SKEW
_NO_RUN_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
# The newest manifests that are read: the second counts only if a compaction is running, or parts were deleted.
_TRIED = 2


class Manifest(Part):
    """What a compaction covered: all runs that existed when it `began`; all but those in `left` are in `parts`."""

    began: Utc
    parts: tuple[str, ...]
    left: tuple[str, ...]


class S3Layer:
    """The parts below FOLDER of an S3 store."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._taken_over = Event()
        self._manifest: Manifest | None = None

    def table(self, columns: Sequence[str]) -> pa.Table:
        """These columns of every existing part."""
        # Manifests before parts: then all parts of the newest manifest are listed.
        manifests = [self._read_manifest(key) for key in self._store.objects(_MANIFESTS)[-_TRIED:]]
        parts = self._parts()
        latest = utc_now() + _SKEW  # a manifest dated in the future would hide what comes until then
        whole = [each for each in manifests if each and each.began <= latest and set(parts).issuperset(each.parts)]
        self._manifest = whole[-1] if whole else None
        nothing = READ_SCHEMA.empty_table().select(columns)

        def read(key: str) -> pa.Table:
            raw = self._store.read_object(key)
            try:
                part = pa.BufferReader(raw)
                return pq.read_table(part, columns=list(columns), schema=READ_SCHEMA, read_dictionary=SHARED)
            except UNREADABLE as error:
                raise StoreError(
                    f"{self._store.name}/{key}: cannot be read ({error}); delete {COMPACT} and compact again"
                ) from error

        return pa.concat_tables([nothing, *in_threads(read, parts)])

    def missing(self, held: pa.ChunkedArray, *, all_listed: bool) -> list[str]:
        """The keys of the runs whose ids are not in `held`, sorted; of old runs only those that may be missing."""
        known = set(held.to_pylist())
        if all_listed or self._manifest is None:
            return [key for key in self._store.keys(RUNS) if _id_of(key) not in known]
        since = max(self._manifest.began, _NO_RUN_BEFORE) - _OVERLAP
        listed = self._store.objects(RUNS, after=f"{RUNS}{since:%Y/%m/%d}/{_earliest(since)}")
        marks = self._store.objects(LATE, after=f"{LATE}{_earliest(since)}")
        old = {*self._manifest.left, *_marked(marks)}.difference(listed)
        # A run that was left out may have been removed, one that was marked may never have been written.
        asked = sorted(key for key in old if key.startswith(RUNS) and _id_of(key) not in known)
        there = [key for found in in_threads(self._store.objects, asked) for key in found]
        return sorted({key for key in (*listed, *there) if is_record_key(key) and _id_of(key) not in known})

    def add(self, name: str, part: bytes) -> None:
        """Create a part. Raises StoreError if another compaction has begun, which would add the same runs."""
        if self._taken_over.is_set():
            raise StoreError(f"store {self._store.name}: another compaction is running; wait for it to finish")
        self._store.create_object(f"{FOLDER}/{name}", part)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Exclude other compactions of this store, on any machine. Raises StoreError if one is running."""
        self._store.check_writable()
        with locked(self._store, f"compact-{sha256(self._store.locator.encode()).hexdigest()[:16]}") as taken_over:
            self._taken_over = taken_over
            yield

    def finish(self, began: datetime, left: Sequence[str]) -> None:
        """Write the manifest of a compaction."""
        manifest = Manifest(began=began, parts=tuple(self._parts()), left=tuple(left))
        self._store.create_object(f"{_MANIFESTS}{new_id()}", manifest.model_dump_json().encode())

    def older(self) -> str | None:
        """A layer of an earlier version."""
        return next((f"{self._store.name}/{each}" for each in OLDER if self._store.objects(f"{each}/")), None)

    def _parts(self) -> list[str]:
        return [key for key in self._store.objects(f"{FOLDER}/") if key.endswith(".parquet")]

    def _read_manifest(self, key: str) -> Manifest | None:
        try:
            return Manifest.model_validate_json(self._store.read_object(key))
        except ValidationError:  # then everything is listed, as without a manifest
            return None


def _marked(marks: Iterable[str]) -> Iterator[str]:
    """The keys of the runs that were marked as late."""
    for mark in marks:
        with suppress(ValueError):  # another program's object
            yield run_key(mark.rpartition("/")[2])


def _id_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _earliest(instant: datetime) -> str:
    """A text that sorts before every id created at `instant` or later."""
    digits = f"{int(instant.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
