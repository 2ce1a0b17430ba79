"""The compact layer of a folder store: its runs as Parquet, for reading a million of them in seconds.

Plain Hive-partitioned Parquet below `v1/compact/runs`, as DuckDB, Athena, Spark or Dask read it:

    v1/compact/runs/recipe=airbench94-muon/month=2026-11/<part id>.parquet

A recipe's name is percent-encoded there, and cut where it is too long for a folder's name; the column has all of it.
The layer is derived from the JSON records, which stay; it may be deleted and made again at any time. A part is never
changed: each compaction adds the runs that no part holds yet. Every row carries the SHA-256 of its record's file, so
that `verify` can tell whether the layer still says what the records say.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.concurrency import in_processes
from bench.errors import RecordError, StoreError
from bench.record.documents import Run, new_id, time_of
from bench.record.flat import COLUMNS, flat
from bench.store import ROOT, FolderStore, Leases, Store, is_record_key, open_store, parse, read_leases
from bench.text import short_name

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
# Starting processes takes as long as reading some thousands of records.
_WORTH_PROCESSES = 4000
_BATCH = 1000
FOLDER = f"{ROOT}/compact/runs"
# Records turned into parts at a time: what is in memory at once.
_CHUNK = 100_000


class Rows(NamedTuple):
    """A table with columns of SCHEMA, and an error for every record that cannot be trusted."""

    table: pa.Table
    errors: list[RecordError]


@dataclass(frozen=True)
class Compaction:
    """What a compaction did: the runs it added, those it had to leave out, and the records it could not trust."""

    added: int
    waiting: int
    errors: list[RecordError]


def read_runs(store: Store, *, checksums: bool = False) -> Rows:
    """Every run of the store: those of the compact layer from Parquet, the others from records.

    FILE_SHA256 is there only with `checksums`.

    Leases are read only where a run is not in the layer, whose rows hold what is needed of them.
    """
    # The checksums cannot be compressed: with them, reading a million rows takes four times as long.
    shown = [name for name in SCHEMA.names if checksums or name != FILE_SHA256]
    compacted = read_compact(store, shown)
    keys = _missing(store, compacted["run_id"])
    if not keys:
        return Rows(compacted, [])
    leases, errors = read_leases(store)
    fresh = read_rows(store, keys, leases)
    return Rows(pa.concat_tables([compacted, fresh.table.select(shown)]), errors + fresh.errors)


def read_compact(store: Store, columns: list[str] | None = None) -> pa.Table:
    """The compact layer as a table of SCHEMA (or some of its columns); empty where there is none."""
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    if not isinstance(store, FolderStore) or not (folder := store.root / FOLDER).is_dir():
        return schema.empty_table()
    try:
        return ds.dataset(folder, schema=SCHEMA, format="parquet").to_table(columns=schema.names)
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"{store.name}/{FOLDER}: cannot be read ({error}); delete the folder and compact anew"
        ) from error


def compact(store: Store) -> Compaction:
    """Add to the compact layer what it does not hold yet. Raises StoreError for a store that is not a folder.

    A run whose lease is not in the store waits for it: a row is never changed, and the lease is part of it.
    """
    if not isinstance(store, FolderStore):
        raise StoreError(
            f"store {store.name}: only a folder has a compact layer; copy the store into one, for example with "
            f"`aws s3 sync {store.name} FOLDER`, and compact that"
        )
    with _alone(store):
        return _compact(store)


def _compact(store: FolderStore) -> Compaction:
    keys = _missing(store, read_compact(store, ["run_id"])["run_id"])
    leases, errors = read_leases(store)
    added = waiting = 0
    for start in range(0, len(keys), _CHUNK):
        rows = read_rows(store, keys[start : start + _CHUNK], leases)
        errors += rows.errors
        complete = pc.or_(pc.is_null(rows.table["lease_id"]), pc.is_valid(rows.table["provider"]))
        table = rows.table.filter(complete)
        added, waiting = added + len(table), waiting + len(rows.table) - len(table)
        for folder, part in _partitions(table):
            buffer = io.BytesIO()
            pq.write_table(part, buffer, compression="zstd")
            store.create(f"{FOLDER}/{folder}/{new_id()}.parquet", buffer.getvalue())
    return Compaction(added, waiting, errors)


def verify(store: Store) -> Iterator[str]:
    """What in the compact layer is not what the records say, a line each; nothing where all is well."""
    table = read_compact(store, ["run_id", FILE_SHA256])
    seen: set[str] = set()
    for run_id, stated in zip(table["run_id"].to_pylist(), table[FILE_SHA256].to_pylist(), strict=True):
        key = f"{ROOT}/runs/{time_of(run_id):%Y/%m/%d}/{run_id}.json"
        if run_id in seen:
            yield f"{store.name}/{FOLDER}: run {run_id} is in it twice"
        seen.add(run_id)
        try:
            actual = hashlib.sha256(store.read_bytes(key)).hexdigest()
        except RecordError as error:
            yield f"{error}, but the compact layer holds it"
            continue
        if actual != stated:
            yield f"{store.name}/{key}: the compact layer holds another version of it"


@contextmanager
def _alone(store: FolderStore) -> Iterator[None]:
    """One compaction at a time: two would add the same runs."""
    store.check_writable()
    with (store.root / ".tmp" / "compact.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, or its holder dies
        yield


def _missing(store: Store, held: pa.ChunkedArray) -> list[str]:
    """The keys of the runs whose ids are not in `held`, sorted."""
    if not isinstance(store, FolderStore) or not len(held):
        return list(store.keys(f"{ROOT}/runs/"))
    names = pc.binary_join_element_wise(held, ".json", "")
    try:
        return sorted(filter(is_record_key, _not_among(names, store.root, f"{ROOT}/runs")))
    except OSError:
        return list(store.keys(f"{ROOT}/runs/"))  # which says what is wrong


def _not_among(names: pa.ChunkedArray, root: Path, folder: str) -> Iterator[str]:
    """The files below `folder` whose names are not in `names`, by their path from `root`."""
    # Not `keys`: looking at a million known names one by one takes longer than reading the layer.
    found = pa.array(os.listdir(root / folder), pa.string())  # noqa: PTH208 -- ten times as fast as Path.iterdir
    for name in found.filter(pc.invert(pc.is_in(found, value_set=names))).to_pylist():
        below = f"{folder}/{name}"
        if (root / below).is_dir():
            yield from _not_among(names, root, below)
        else:
            yield below


def _partitions(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The table split by recipe and month, each with the name of its folder."""
    months = pc.strftime(table["started"], "%Y-%m")
    keyed = table.append_column("month", months)
    for pair in keyed.group_by(["recipe", "month"]).aggregate([]).to_pylist():
        chosen = pc.and_(pc.equal(table["recipe"], pair["recipe"]), pc.equal(months, pair["month"]))
        yield f"recipe={short_name(quote(pair['recipe'], safe=''))}/month={pair['month']}", table.filter(chosen)


def read_rows(store: Store, keys: Sequence[str], leases: Leases) -> Rows:
    """The runs under `keys`, in that order. Many are read by as many processes as there are cores."""
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    if len(keys) < _WORTH_PROCESSES:
        done = [_read_batch(store, batch, leases) for batch in batches]
    else:
        done = list(in_processes(partial(_read_named, store.name, leases=leases), batches))
    return Rows(
        pa.concat_tables([rows.table for rows in done]) if done else SCHEMA.empty_table(),
        [error for rows in done for error in rows.errors],
    )


_opened = cache(open_store)  # one client a process


def _read_named(name: str, keys: Sequence[str], *, leases: Leases) -> Rows:
    # Records hold no cycles: looking for some would take a tenth of the time.
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
            assert isinstance(run, Run)  # only a run has its place there
            row = flat(run, leases.get(run.lease_id or ""))
            rows.append({**row, FILE_SHA256: hashlib.sha256(raw).hexdigest()})
    return Rows(pa.Table.from_pylist(rows, SCHEMA), errors)
