"""The compact layer of a store and its rows; and that of a folder.

Its version is in its path, so that a layer of another meaning is never read.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from bench.concurrency import in_processes
from bench.errors import RecordError, StoreError
from bench.record.documents import Run
from bench.record.flat import COLUMNS, flat
from bench.store import ROOT, RUNS, FolderStore, Leases, Store, is_record_key, open_store, parse
from bench.store.compact.listing import Listing, listed
from bench.store.lock import file_lock
from bench.tracking import tracked

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset

# The layer's version history. Raise the number with any change of a column's name or meaning, or a new column: a layer
# of another version is not read, as if it were not there, and made anew from the records.
# 1  2026-11-22  below v1/compact/runs.
# 2  2026-11-26  dawnbench_s counts loading and building; what each clock leaves out, and what a process does once.
# 3  2026-11-26  mlperf_s counts what lies between its phases, as MLPerf's clock does.
VERSION = 3
COMPACT = f"{ROOT}/compact"
LAYER = f"{COMPACT}/{VERSION}"
FOLDER = f"{LAYER}/runs"
OLDER = (f"{COMPACT}/runs", *(f"{COMPACT}/{version}" for version in range(2, VERSION)))
FILE_SHA256 = "file_sha256"
_TYPES: dict[str, pa.DataType] = {
    "str": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
}
SCHEMA = pa.schema(
    [*((name, _TYPES[column.type.__name__]) for name, column in COLUMNS.items()), (FILE_SHA256, pa.string())]
)
# As it is read: text that many rows share, such as a recipe's name, is there once, as pandas' categories are. Ids of
# series may be as many as runs, and then each step of making them categories takes longer than all other columns.
_SHARED = pa.dictionary(pa.int32(), pa.string())
_OWN = ("run_id", "series_id", FILE_SHA256)
READ_SCHEMA = pa.schema(
    [field.with_type(_SHARED) if field.type == pa.string() and field.name not in _OWN else field for field in SCHEMA]
)
SHARED = [field.name for field in READ_SCHEMA if field.type == _SHARED]
# Arrow's own allocator asks for huge pages, which a virtual machine may take longer to clear than Parquet to read.
POOL = pa.system_memory_pool()
# What reading a file that is not such Parquet raises; the last is for the name of a column.
UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
# Starting processes takes as long as reading some thousands of records.
_WORTH_PROCESSES = 4000
_BATCH = 1000
_opened = cache(open_store)  # one client per process


class Layer(Protocol):
    """The compact layer of one store."""

    def table(self, columns: Sequence[str]) -> pa.Table:
        """These columns of READ_SCHEMA of every part; empty without parts. Raises StoreError if one is unreadable."""

    def missing(self, held: pa.ChunkedArray, *, all_listed: bool) -> list[str]:
        """The keys of the runs whose ids are not in `held`, a column of the `table` read last; sorted.

        A layer that has written down what earlier compactions looked at may go by that, unless `all_listed`.
        """

    def add(self, name: str, part: bytes) -> None:
        """Create a part, below FOLDER. Raises StoreError."""

    def alone(self) -> AbstractContextManager[None]:
        """Exclude other compactions, which would add the same runs. Raises StoreError if nothing can be written."""

    def finish(self, began: datetime, left: Sequence[str]) -> None:
        """Record that every run that existed when it `began` is in the parts, except the keys in `left`."""

    def older(self) -> str | None:
        """The name of a layer of an earlier version, which is no longer read; None if there is none."""


class Rows(NamedTuple):
    """A table with columns of SCHEMA, and an error for every record that cannot be trusted."""

    table: pa.Table
    errors: list[RecordError]


def read_rows(store: Store, keys: Sequence[str], leases: Leases) -> Rows:
    """The runs under `keys`, in that order. Many are read by one process per core."""
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    if len(keys) < _WORTH_PROCESSES:
        read: Iterable[Rows] = (_read_batch(store, batch, leases) for batch in batches)
    else:
        read = in_processes(partial(_read_named, store.name, leases=leases), batches)
    done = list(tracked(read, "runs", len(keys), size=lambda rows: len(rows.table) + len(rows.errors)))
    return Rows(
        pa.concat_tables([rows.table for rows in done]) if done else SCHEMA.empty_table(),
        [error for rows in done for error in rows.errors],
    )


def _read_named(name: str, keys: Sequence[str], *, leases: Leases) -> Rows:
    # Records contain no reference cycles: looking for them would take a tenth of the time.
    gc.disable()
    return _read_batch(_opened(name), keys, leases)


def _read_batch(store: Store, keys: Sequence[str], leases: Leases) -> Rows:
    rows, errors = [], []
    for key, raw in zip(keys, store.read_many(keys), strict=True):
        if isinstance(raw, RecordError):
            errors.append(raw)
            continue
        try:
            run = parse(raw, key, f"{store.name}/{key}")
        except RecordError as error:
            errors.append(error)
        else:
            assert isinstance(run, Run)  # only a run is stored under that key
            row = flat(run, leases.get(run.lease_id or ""))
            rows.append({**row, FILE_SHA256: hashlib.sha256(raw).hexdigest()})
    return Rows(pa.Table.from_pylist(rows, SCHEMA), errors)


def in_order(table: pa.Table) -> pa.Table:
    """The rows by `run_id`, which is by time; of one id those that came first stay first."""
    # In Arrow, not in pandas, which takes seconds for a million; and not at all where one recipe wrote them in order.
    ids = table["run_id"].combine_chunks(memory_pool=POOL)
    if not pc.any(pc.less(ids[1:], ids[:-1])).as_py():
        return table
    order = pc.sort_indices(ids)  # the sort is stable

    def ordered(column: pa.ChunkedArray) -> pa.ChunkedArray:
        return column if _all_alike(column) else pc.take(column, order, memory_pool=POOL)

    return pa.table(list(map(ordered, table.columns)), schema=table.schema)


def _all_alike(column: pa.ChunkedArray) -> bool:
    """Whether it is seen at once that all values of a column are the same: none is known, or it has one category."""
    if column.null_count or not pa.types.is_dictionary(column.type):
        return bool(column.null_count == len(column))
    texts = [chunk.dictionary for chunk in column.chunks]
    return all(len(text) == 1 and text.equals(texts[0]) for text in texts)


class FolderLayer:
    """The parts below FOLDER of a folder store."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._listing: Future[Listing]

    def table(self, columns: Sequence[str]) -> pa.Table:
        """These columns of every part."""
        folder = self._store.root / FOLDER
        if not folder.is_dir():
            return READ_SCHEMA.empty_table().select(columns)
        from pyarrow import dataset as ds  # not needed for a store without a layer

        try:
            # For a million runs either takes seconds. A run that is added in between appears in the next report.
            beside = ThreadPoolExecutor(1)
            self._listing = beside.submit(listed, self._store.root, RUNS.rstrip("/"))
            beside.shutdown(wait=False)
            parts = ds.dataset(folder, schema=READ_SCHEMA, format=ds.ParquetFileFormat(dictionary_columns=SHARED))
            valueless = _valueless(parts, columns)
            table = parts.to_table(columns=[name for name in columns if name not in valueless], memory_pool=POOL)
            return _with_valueless(table, valueless).select(columns)
        except UNREADABLE as error:
            raise StoreError(
                f"{self._store.name}/{FOLDER}: cannot be read ({error}); delete the folder and compact again"
            ) from error

    def missing(self, held: pa.ChunkedArray, *, all_listed: bool) -> list[str]:
        """The keys of the runs whose ids are not in `held`, sorted; all are listed in any case."""
        if not len(held):
            return list(self._store.keys(RUNS))
        try:
            listing = self._listing.result()
        except OSError:
            return list(self._store.keys(RUNS))  # which explains what is wrong
        return sorted(filter(is_record_key, listing.not_among(held)))

    def add(self, name: str, part: bytes) -> None:
        """Create a part."""
        self._store.create(f"{FOLDER}/{name}", part)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other compaction is running in this folder."""
        self._store.check_writable()
        with file_lock(self._store.root / ".tmp" / "compact.lock", "compact", wait=True):
            yield

    def finish(self, began: datetime, left: Sequence[str]) -> None:
        """Does nothing: a folder needs no manifest."""

    def older(self) -> str | None:
        """A layer of an earlier version."""
        return next((f"{self._store.name}/{each}" for each in OLDER if (self._store.root / each).is_dir()), None)


def _valueless(parts: Dataset, columns: Iterable[str]) -> set[str]:
    """Those of the `columns` that have no value in any part, as statistics in the parts say: often half of them."""
    found = set(columns)
    for metadata in (part.metadata for part in parts.get_fragments()):
        positions = {metadata.schema.column(each).path: each for each in range(metadata.num_columns)}
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for name in found & positions.keys():
                statistics = group.column(positions[name]).statistics
                if not (statistics and statistics.has_null_count and statistics.null_count == group.num_rows):
                    found.remove(name)
    return found


def _with_valueless(table: pa.Table, names: set[str]) -> pa.Table:
    """The table with columns of these `names` that hold nothing; those of one type share their memory."""
    fields = [READ_SCHEMA.field(name) for name in sorted(names)]
    nothing = {kind: pa.nulls(len(table), kind, memory_pool=POOL) for kind in {field.type for field in fields}}
    for field in fields:
        table = table.append_column(field, nothing[field.type])
    return table
