"""Many runs of a folder store as one Arrow table, a row a run, without holding their documents. Uses all cores."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from bench.errors import RecordError
from bench.record.documents import LeaseOpened, Run
from bench.record.flat import COLUMNS, flat
from bench.store import Store, open_store, read_each
from bench.store.base import parse

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

Leases = dict[str, LeaseOpened]


class Rows(NamedTuple):
    """A table with columns of SCHEMA, and an error for every record that cannot be trusted."""

    table: pa.Table
    errors: list[RecordError]


def read_leases(store: Store) -> tuple[Leases, list[RecordError]]:
    """The opened leases of a store by id, and an error for each that cannot be trusted."""
    leases: Leases = {}
    errors: list[RecordError] = []
    for lease in read_each(store, [key for key in store.keys("v1/leases/") if key.endswith("/opened.json")]):
        if isinstance(lease, RecordError):
            errors.append(lease)
        else:
            assert isinstance(lease, LeaseOpened)  # only a lease has its place there
            leases[lease.id] = lease
    return leases, errors


def read_rows(store: Store, keys: Sequence[str], leases: Leases) -> Rows:
    """The runs under `keys`, in that order. Many are read by as many processes as there are cores."""
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    read = partial(_read_batch, store.name, leases=leases)
    if len(keys) < _WORTH_PROCESSES:
        done = [read(batch) for batch in batches]
    else:
        # Not fork: Arrow has started threads by now.
        context = multiprocessing.get_context("spawn")
        # Records hold no cycles: looking for some would take a tenth of the time.
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=context, initializer=gc.disable) as pool:
            done = list(pool.map(read, batches))
    return Rows(
        pa.concat_tables([rows.table for rows in done]) if done else SCHEMA.empty_table(),
        [error for rows in done for error in rows.errors],
    )


def _read_batch(name: str, keys: Sequence[str], *, leases: Leases) -> Rows:
    rows, errors = [], []
    for key, raw in zip(keys, open_store(name).read_many(keys), strict=True):
        if isinstance(raw, RecordError):
            errors.append(raw)
            continue
        try:
            run = parse(raw, key, f"{name}/{key}")
        except RecordError as error:
            errors.append(error)
        else:
            assert isinstance(run, Run)  # only a run has its place there
            row = flat(run, leases.get(run.lease_id or ""))
            rows.append({**row, FILE_SHA256: hashlib.sha256(raw).hexdigest()})
    return Rows(pa.Table.from_pylist(rows, SCHEMA), errors)
