"""Reads runs from the compact layer if it holds them, otherwise from their records; and adds what the layer lacks."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import RecordError, StoreError
from bench.record.documents import new_id, run_key, utc_now
from bench.store import LEASES, RUNS, FolderStore, Store, other_content, read_documents, read_leases
from bench.store.compact.layer import (
    FILE_SHA256,
    FOLDER,
    READ_SCHEMA,
    SCHEMA,
    SHARED,
    FolderLayer,
    Layer,
    Rows,
    in_order,
    read_rows,
)
from bench.text import short_name
from bench.tracking import tracked

# Records turned into parts at a time: what is in memory at once.
_CHUNK = 100_000
_ANEW = "delete v1/compact and run `bench store compact`"


@dataclass(frozen=True)
class Compaction:
    """The result of a compaction: the runs it added, those it had to leave out, and the records it could not trust.

    `older` is the name of a layer of an earlier version, which nothing reads any more.
    """

    added: int
    waiting: int
    errors: list[RecordError]
    older: str | None = None


def read_runs(store: Store, without: Collection[str] = (FILE_SHA256,)) -> Rows:
    """Every run of the store: those of the compact layer from Parquet, the others from records.

    The columns are those of READ_SCHEMA, but for those of `without`.

    Leases are read only where a run is not in the layer, whose rows hold what is needed of them.
    """
    shown = [name for name in SCHEMA.names if name not in without]
    layer = _layer(store)
    compacted = in_order(layer.table(shown)) if layer else READ_SCHEMA.empty_table().select(shown)
    keys = layer.missing(compacted["run_id"], all_listed=False) if layer else list(store.keys(RUNS))
    if not keys:
        return Rows(compacted, [])
    leases, errors = read_leases(store)
    fresh = read_rows(store, keys, leases)
    return Rows(pa.concat_tables([compacted, fresh.table.select(shown).cast(compacted.schema)]), errors + fresh.errors)


def read_tables(stores: Sequence[Store], without: Collection[str] = ()) -> tuple[list[pa.Table], list[RecordError]]:
    """The runs of each store, and an error for every record that cannot be trusted.

    The columns are those of READ_SCHEMA, but for FILE_SHA256 and those of `without`.

    A run or a lease whose record in one store is not that in an earlier one is among the errors.
    """
    several = len(stores) > 1
    # The checksums cannot be compressed: with them, reading a million rows takes four times as long.
    left_out = set(without) if several else {*without, FILE_SHA256}
    read = [read_runs(store, left_out) for store in stores]
    errors = [error for rows in read for error in rows.errors]
    tables = [rows.table for rows in read]
    if several:
        errors += _differing({store.name: table for store, table in zip(stores, tables, strict=True)})
        errors += read_documents(stores, "leases")[1]
        tables = [table.drop_columns([FILE_SHA256]) for table in tables]
    # A lease that cannot be trusted is encountered twice: for its runs, and for itself.
    return tables, list({str(error): error for error in errors}.values())


def _differing(tables: dict[str, pa.Table]) -> list[RecordError]:
    """An error for each run whose record in one store differs from that in an earlier one."""
    first: dict[str, tuple[str, str]] = {}
    errors = []
    for name, table in tables.items():
        for run_id, checksum in zip(table["run_id"].to_pylist(), table[FILE_SHA256].to_pylist(), strict=True):
            earlier, expected = first.setdefault(run_id, (name, checksum))
            if checksum != expected:
                errors.append(other_content(f"run {run_id}", earlier, name))
    return errors


def read_compact(store: Store) -> pa.Table:
    """The compact layer as a table of READ_SCHEMA; empty if there is none."""
    layer = _layer(store)
    return layer.table(SCHEMA.names) if layer else READ_SCHEMA.empty_table()


def compact(store: Store) -> Compaction:
    """Add to the compact layer what it does not contain yet. Raises StoreError if the store cannot be read or written.

    A run whose lease is not in the store waits for it: a row is never changed, and the lease is part of it.
    """
    layer = _layer(store)
    if layer is None:
        raise StoreError(f"store {store.name}: cannot hold a compact layer; give a folder or s3://bucket/prefix")
    next(store.keys(LEASES), None)  # a store that does not exist, perhaps misspelled, is not created
    with layer.alone():
        return _compact(store, layer)


def _compact(store: Store, layer: Layer) -> Compaction:
    from pyarrow import parquet as pq  # not needed for reading records

    began = utc_now()
    keys = layer.missing(layer.table(["run_id"])["run_id"], all_listed=True)
    leases, errors = read_leases(store)
    added = waiting = 0
    left = set(keys)
    for start in range(0, len(keys), _CHUNK):
        rows = read_rows(store, keys[start : start + _CHUNK], leases)
        errors += rows.errors
        complete = pc.or_(pc.is_null(rows.table["lease_id"]), pc.is_valid(rows.table["provider"]))
        table = rows.table.filter(complete)
        added, waiting = added + len(table), waiting + len(rows.table) - len(table)
        left.difference_update(map(run_key, table["run_id"].to_pylist()))
        for folder, part in _partitions(table):
            buffer = io.BytesIO()
            # Dictionaries of times and ids would be as long as the columns.
            pq.write_table(part, buffer, compression="zstd", use_dictionary=SHARED)
            layer.add(f"{folder}/{new_id()}.parquet", buffer.getvalue())
    layer.finish(began, sorted(left))
    return Compaction(added, waiting, errors, layer.older())


def verify(store: Store) -> Iterator[str]:
    """The differences between the compact layer and the records, a line each, with what to do.

    A record that is gone or altered is in nothing but the layer, so deleting that comes last.
    """
    layer = _layer(store)
    if layer is None:
        return
    table = layer.table(["run_id", FILE_SHA256])
    ids: list[str] = table["run_id"].to_pylist()
    keys = [run_key(run_id) for run_id in ids]
    seen: set[str] = set()
    rows = zip(ids, keys, table[FILE_SHA256].to_pylist(), store.read_many(keys), strict=True)
    for run_id, key, stated, raw in tracked(rows, "runs of the compact layer", len(ids)):
        if run_id in seen:
            yield f"{store.name}/{FOLDER}: run {run_id} is in it twice; {_ANEW}"
        seen.add(run_id)
        if isinstance(raw, RecordError):
            yield f"{raw}, but the compact layer holds it; restore it from a copy, or if it was removed, {_ANEW}"
        elif hashlib.sha256(raw).hexdigest() != stated:
            yield (
                f"{store.name}/{key}: the compact layer holds another version of it; restore it from a copy, or if it "
                f"is right as it is, {_ANEW}"
            )
    listed, seen_by_reports = (layer.missing(table["run_id"], all_listed=every) for every in (True, False))
    for key in sorted(set(listed).difference(seen_by_reports)):
        yield (
            f"{store.name}/{key}: not visible in reports, since another program added it after the compaction; run "
            "`bench store compact`"
        )


def _layer(store: Store) -> Layer | None:
    """The store's compact layer; None for a store without one."""
    if isinstance(store, FolderStore):
        return FolderLayer(store)
    if store.name.startswith("s3:"):
        from bench.store.compact.in_s3 import S3Layer  # importing boto3 takes longer than reading a folder
        from bench.store.s3 import S3Store

        return S3Layer(store) if isinstance(store, S3Store) else None
    return None


def _partitions(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The table split by recipe and month, each with the name of its folder."""
    months = pc.strftime(table["started"], "%Y-%m")
    keyed = table.append_column("month", months)
    for pair in keyed.group_by(["recipe", "month"]).aggregate([]).to_pylist():
        chosen = pc.and_(pc.equal(table["recipe"], pair["recipe"]), pc.equal(months, pair["month"]))
        yield f"recipe={short_name(quote(pair['recipe'], safe=''))}/month={pair['month']}", table.filter(chosen)
