"""The files of exported bills, as they lie in folders and buckets."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from analysis.reconcile.export_file import ExportFile, form_of, run_of
from analysis.reconcile.opening import s3
from analysis.reconcile.runs import chosen
from bench.errors import BenchError, UsageError

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")


def export_files(names: Iterable[str]) -> tuple[list[ExportFile], list[str]]:
    """The files to read, and a note for each choice among them: a folder or prefix stands for all exports in it.

    Raises UsageError where there are none, BenchError for what cannot be looked at.
    """
    notes: list[str] = []
    files: dict[object, ExportFile] = {}
    for name in dict.fromkeys(names):
        for identity, file in _found(name, notes):
            if identity not in files:
                files[identity] = file
            elif files[identity].name != file.name:
                notes.append(f"{file.name} is {files[identity].name} again: read once")
    return chosen(list(files.values()), notes), notes


def _found(name: str, notes: list[str]) -> list[tuple[object, ExportFile]]:
    if name.startswith("s3://"):
        return [(file.name, file) for file in _listed(name, notes)]
    try:
        if not Path(name).is_dir():
            return [_local(name)]
        return [_local(path) for path in _taken(name, _walk(name), notes)]
    except OSError as error:
        where = error.filename or name
        raise BenchError(f"{where}: cannot be read ({error.strerror}); name an export, or a folder of them") from error


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    seen: set[tuple[int, int]] = set()  # a link can lead back to where it is
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(place).stat()
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders.sort()
        yield from (os.path.join(place, file) for file in sorted(files))  # noqa: PTH118 -- of walk


def _taken(folder: str, names: Iterable[str], notes: list[str]) -> list[str]:
    """The exports in a folder or prefix, without what a Mac or Spark leaves beside them.

    A note for each file that may be an export, and is not read.
    """
    listed = [name for name in names if not PurePosixPath(name).name.startswith((".", "_"))]
    taken = [name for name in listed if form_of(name)[1]]
    archives = [name for name in listed if name.lower().endswith(_ARCHIVES) and name not in taken]
    said = [f"{name} is an archive: unpack it, or name it with --export" for name in archives]
    said += [f"{name} is a workbook: save it as CSV" for name in listed if name.lower().endswith(_WORKBOOKS)]
    if not taken:
        nothing = f"{folder}: no .csv, .jsonl or .parquet file here, nor one of them compressed"
        raise UsageError("; ".join([nothing, *said]))
    notes += said
    return taken


def _local(name: str) -> tuple[object, ExportFile]:
    known = Path(name).stat()
    size = known.st_size if stat.S_ISREG(known.st_mode) else 1  # what a pipe holds is not known
    run, series = run_of(os.path.realpath(name))
    return (known.st_dev, known.st_ino), ExportFile(name, known.st_mtime, size, run, series)


def _listed(url: str, notes: list[str]) -> list[ExportFile]:
    with s3(url) as (client, bucket, key):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        listed = {f"s3://{bucket}/{item['Key']}": item for page in pages for item in page.get("Contents", ())}
    names = [url]
    if url not in listed:  # also where the prefix's slash was left out, but not other folders that begin so
        folder = url if url.endswith("/") or not key else f"{url}/"
        names = _taken(url, sorted(name for name in listed if name.startswith(folder)), notes)
    return [
        ExportFile(name, listed[name]["LastModified"].timestamp(), listed[name]["Size"], *run_of(name))
        for name in names
    ]
