"""Rows of FOCUS exports, read as a stream: CSV, also gzipped, and Parquet; files, folders and S3."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from analysis.reconcile.focus import OPTIONAL, REQUIRED, RowError, column
from bench.errors import BenchError, UsageError

_ENDINGS = (".csv", ".csv.gz", ".parquet")
_WANTED = {column(name): name for name in (*REQUIRED, *OPTIONAL)}
_ROWS = 10_000  # of Parquet, held at a time


def export_files(name: str) -> list[str]:
    """The files of an export: `name` itself, or all in a folder or below an S3 prefix that ends in `/`.

    Raises UsageError where there are none.
    """
    if name.startswith("s3://"):
        files = _listed(name) if name.endswith("/") else [name]
    else:
        path = Path(name)
        files = sorted(str(file) for file in path.rglob("*")) if path.is_dir() else [name]
    kept = files if files == [name] else [file for file in files if file.endswith(_ENDINGS)]
    if not kept:
        raise UsageError(f"{name}: no .csv, .csv.gz or .parquet file here")
    return kept


def read_rows(source: str) -> Iterator[tuple[str, Mapping[str, Any] | RowError]]:
    """Where each row of `source` stands, and its cells by `column`, or what is wrong with it.

    Raises BenchError where the source cannot be read, or is no FOCUS export.
    """
    try:
        with _opened(source) as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PAR1":
                yield from _parquet(file, source)
            else:
                yield from _csv(file, source, gzipped=start[:2] == b"\x1f\x8b")
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{source}: is cut off or no CSV ({error}); fetch the export again") from error


def _csv(raw: IO[bytes], source: str, *, gzipped: bool) -> Iterator[tuple[str, Mapping[str, Any] | RowError]]:
    plain = gzip.GzipFile(fileobj=raw) if gzipped else raw
    reader = csv.reader(io.TextIOWrapper(plain, encoding="utf-8-sig", newline=""))
    header = next(reader, [])
    places = _places(header, source)
    for cells in reader:
        where = f"{source}:{reader.line_num}"
        if len(cells) == len(header):
            yield where, {name: cells[place] for name, place in places.items()}
        elif cells:
            yield where, RowError(f"{where}: has {len(cells)} cells where the header has {len(header)}")


def _parquet(file: IO[bytes], source: str) -> Iterator[tuple[str, Mapping[str, Any] | RowError]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        places = _places(names, source)
        number = 0
        for batch in table.iter_batches(_ROWS, columns=[names[place] for place in places.values()]):
            for cells in batch.to_pylist():
                number += 1
                yield f"{source} row {number}", {column(name): cell for name, cell in cells.items()}
    except pa.ArrowException as error:
        raise BenchError(f"{source}: is no Parquet file that can be read ({error})") from error


def _places(header: Sequence[str], source: str) -> dict[str, int]:
    """Where each column that is wanted stands. Raises UsageError where one that FOCUS requires is missing."""
    places = {column(name): place for place, name in enumerate(header) if column(name) in _WANTED}
    missing = [name for name in REQUIRED if column(name) not in places]
    if not places.keys() & {column("ResourceId"), column("Tags")}:
        missing.append("ResourceId or Tags")
    if missing:
        raise UsageError(f"{source}: no FOCUS export, it lacks {', '.join(missing)}; export FOCUS 1.0, 1.1 or 1.2")
    return places


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if not source.startswith("s3://"):
        with Path(source).open("rb") as file:
            yield file
        return
    # Parquet is read from its end, so the object is copied first, to the disk and not into memory.
    with tempfile.TemporaryFile() as copy:
        with _s3(source) as (client, bucket, key):
            shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], copy)
        copy.seek(0)
        yield copy


def _listed(prefix: str) -> list[str]:
    with _s3(prefix) as (client, bucket, key):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return sorted(f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ()))


@contextmanager
def _s3(url: str) -> Iterator[tuple[Any, str, str]]:
    """A client of S3, and the bucket and the key of `url`; what S3 answers wrongly is a BenchError that names it."""
    from bench.store.s3_client import make_client, translate_errors

    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{url}: names no bucket; write s3://bucket/path")
    client = make_client(url)
    with translate_errors(url):
        yield client, bucket, key
