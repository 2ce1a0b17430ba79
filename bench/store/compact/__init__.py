"""The compact layer of a store: its runs as Parquet, for reading a million of them in seconds.

Plain Hive-partitioned Parquet below `v1/compact/3/runs`, as DuckDB, Athena, Spark or Dask read it:

    v1/compact/3/runs/recipe=airbench94-muon/month=2026-11/<part id>.parquet

A recipe's name is percent-encoded there, and cut where it is too long for a folder's name; the column has all of it.
The layer is derived from the JSON records, which stay; it may be deleted and made again at any time. A part is never
changed: each compaction adds the runs that no part holds yet. Every row carries the SHA-256 of its record's file, so
that `verify` can tell whether the layer still says what the records say.
"""

from bench.store.compact.compaction import Compaction, compact, read_compact, read_runs, read_tables, verify
from bench.store.compact.layer import FILE_SHA256, FOLDER, READ_SCHEMA, SCHEMA, Rows, in_order

__all__ = [
    "FILE_SHA256",
    "FOLDER",
    "READ_SCHEMA",
    "SCHEMA",
    "Compaction",
    "Rows",
    "compact",
    "in_order",
    "read_compact",
    "read_runs",
    "read_tables",
    "verify",
]
