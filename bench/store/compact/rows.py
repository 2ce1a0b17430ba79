"""Rows of the compact layer: a run and its lease as one line of a table, made from their records."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

import pyarrow as pa

from bench.concurrency import in_processes
from bench.errors import RecordError
from bench.record.documents import Run
from bench.record.flat import COLUMNS, flat
from bench.store import Leases, Store, open_store, parse

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


class Rows(NamedTuple):
    """A table with columns of SCHEMA, and an error for every record that cannot be trusted."""

    table: pa.Table
    errors: list[RecordError]


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
