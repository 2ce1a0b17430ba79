"""A file of an exported bill: the run that it belongs to, by its path, and its bytes, here or in S3, packed or not.

Azure writes each run of an export, the whole month to date, to a folder of its own below the billing period:
`exports/daily/20261101-20261130/202611200512/<id>/part_0_0001.csv`; AWS the same below `BILLING_PERIOD=2026-11`,
unless told to overwrite. Azure can also write each run to a file `daily_<id>.csv` of the same folder.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.errors import BenchError, UsageError

FORMS = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
PACKED = ("", ".gz", ".zst", ".zip", ".bz2", ".xz")
_PERIOD = re.compile(r"\d{8}-\d{8}|billing_?period=.+", re.IGNORECASE)
TIME = re.compile(r"20\d{6}T?\d{0,6}Z?(?!\d)|20\d\d-\d\d-\d\d(T[\d:.-]*)?")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The number of a part: `part_0_0001`, `export-00001`, `part-00000-<id>`, `000000000000`; not a day, as in `nov-0924`.
_PART = re.compile(r"part[-_]?\d+([-_]\d+)*|(?<!\d)(00\d{2,10}|0\d{4}|0\d{8,11})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class ExportFile:
    """A file of an export. Files of one `run` are parts of it; runs of one `series` are the same bill again."""

    name: str
    modified: float
    size: int
    run: str
    series: str | None  # None: its folder does not tell


def is_manifest(name: str) -> bool:
    """Whether a provider writes such a file beside a run."""
    return name.lower().endswith("manifest.json")


def form_of(name: str) -> tuple[str, str]:
    """The name without its extension, and the extension; empty if it is not that of an export."""
    if is_manifest(name):
        return name, ""
    endings = (form + packed for form in FORMS for packed in PACKED)
    ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)], ending


def run_of(path: str) -> tuple[str, str | None]:
    """The run that a file is a part of, and the series of that run, by its path."""
    *folders, name = path.replace("\\", "/").split("/")
    period = next((place for place in range(len(folders), 0, -1) if _PERIOD.fullmatch(folders[place - 1])), None)
    if period is not None:
        above = "/".join(folders[:period])
        below = folders[period] if period < len(folders) else ""
        if TIME.match(below) or _ID.match(below):
            return f"{above}/{below}", above
        run = _ID.search(name)
        if not below and run:
            series = f"{above}/{_PART.sub('#', _ID.sub('@', name))}"
            return f"{series} {run[0]}", series
    return f"{'/'.join(folders)}/{_PART.sub('#', name)}", None  # such as a partition `account=1`


_GZIP = b"\x1f\x8b"
_ZIP, _ZSTD, _BZIP2, _XZ = b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zX"


@contextmanager
def opened(source: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, here or in S3.

    Parquet is read from its end, so an object or a pipe is copied first, to the disk and not into memory.
    """
    if source.startswith("s3://"):
        with tempfile.TemporaryFile() as copy:
            with s3(source) as (client, bucket, key):
                shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], copy)
            copy.seek(0)
            yield copy
        return
    with Path(source).open("rb") as file:
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy


@contextmanager
def unpacked(file: IO[bytes], source: str) -> Iterator[IO[bytes]]:
    """What is in a file that is compressed, copied to the disk; text in gzip is read where it lies, and stays as it is.

    Raises BenchError for what cannot be unpacked.
    """
    start = file.read(4)
    file.seek(0)
    if not start.startswith((_ZIP, _ZSTD, _BZIP2, _XZ)) and not (start.startswith(_GZIP) and _holds_parquet(file)):
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        try:
            with _inside(file, start, source) as content:
                shutil.copyfileobj(content, copy)
        except (OSError, EOFError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as error:
            raise BenchError(f"{source}: cannot be unpacked ({error}); unpack it yourself") from error
        copy.seek(0)
        yield copy


def _holds_parquet(file: IO[bytes]) -> bool:
    mark = gzip.GzipFile(fileobj=file).read(4)
    file.seek(0)
    return mark == b"PAR1"


def _inside(file: IO[bytes], start: bytes, source: str) -> Any:
    """A stream of what a compressed file holds."""
    if start == _ZIP:
        archive = zipfile.ZipFile(file)
        if "[Content_Types].xml" in archive.namelist():
            raise BenchError(f"{source}: is an Excel workbook; save it as CSV UTF-8 (comma delimited)")
        names = [name for name in archive.namelist() if form_of(name)[1] and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise BenchError(f"{source}: holds {len(names)} exports; unpack it and name the folder")
        return archive.open(names[0])
    if start == _ZSTD:
        import pyarrow as pa

        return pa.CompressedInputStream(file, "zstd")
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file)
    return bz2.open(file) if start.startswith(_BZIP2) else lzma.open(file)


@contextmanager
def s3(url: str) -> Iterator[tuple[Any, str, str]]:
    """A client of S3, and the bucket and the key of `url`; what S3 answers wrongly is a BenchError that names it."""
    from bench.store.s3_client import make_client, translate_errors

    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{url}: names no bucket; write s3://bucket/path")
    client = make_client(url)
    with translate_errors(url):
        yield client, bucket, key
