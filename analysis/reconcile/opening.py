"""The bytes of an exported bill: from a file or S3, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from analysis.reconcile.export_file import form_of
from bench.errors import BenchError, UsageError

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
