"""The files of exported bills, as they lie in folders and buckets, and which of them are runs of one export.

Azure writes each run of an export, the whole month to date, to a folder of its own below the billing period:
`exports/daily/20261101-20261130/202611200512/<id>/part_0_0001.csv`; AWS the same below `BILLING_PERIOD=2026-11`,
unless told to overwrite. Where the folders of runs begin with a time, only the newest run of a period is read. Azure
can also write each run to a file `daily_<id>.csv` of the same folder.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bench.errors import BenchError, UsageError

# Of one export in several forms, the first is the surest. Not .json, which manifests are.
_ENDINGS = (".parquet", ".jsonl.gz", ".jsonl", ".ndjson.gz", ".ndjson", ".csv.gz", ".csv")
_PERIOD = re.compile(r"\d{8}-\d{8}|billing_?period=.+", re.IGNORECASE)
_TIME = re.compile(r"20\d{6}T?\d{0,6}Z?(?!\d)|20\d\d-\d\d-\d\d(T[\d:.-]*)?")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The number of a part: `part_0_0001`, `export-00001`, `part-00000-<id>`, `000000000000`.
_PART = re.compile(r"part[-_]?\d+([-_]\d+)*|(?<!\d)0\d{3,11}(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class ExportFile:
    """A file of an export. Files of one `run` are parts of it; runs of one `series` are the same bill again."""

    name: str
    modified: float
    size: int
    run: str
    series: str | None  # None: its folder does not tell


def export_files(names: Iterable[str]) -> tuple[list[ExportFile], list[str]]:
    """The files to read, and a note for each choice among them: a folder or prefix stands for all exports in it.

    Raises UsageError where there are none, BenchError for what cannot be looked at.
    """
    notes: list[str] = []
    files: dict[object, ExportFile] = {}
    for name in dict.fromkeys(names):
        for identity, file in _found(name):
            if identity not in files:
                files[identity] = file
            elif files[identity].name != file.name:
                notes.append(f"{file.name} is {files[identity].name} again: read once")
    kept = _newest_runs(_one_form(list(files.values()), notes), notes)
    empty = [file for file in kept if file.size == 0]
    if len(empty) < len(kept):
        notes += [f"{file.name} is empty" for file in empty]
        kept = [file for file in kept if file.size]
    return kept, notes


def _found(name: str) -> list[tuple[object, ExportFile]]:
    if name.startswith("s3://"):
        return [(file.name, file) for file in _listed(name)]
    try:
        if not Path(name).is_dir():
            return [_local(name)]
        found = [_local(path) for path in _walk(name)]
    except OSError as error:
        raise BenchError(f"{error.filename or name}: cannot be read ({error.strerror})") from error
    return found or _nothing(name)


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        yield from (os.path.join(place, file) for file in sorted(files) if _is_export(file))  # noqa: PTH118 -- of walk


def _is_export(name: str) -> bool:
    """Whether a file of a folder is taken: not what a Mac or Spark leaves beside the exports."""
    return name.lower().endswith(_ENDINGS) and not name.startswith((".", "_"))


def _local(name: str) -> tuple[object, ExportFile]:
    stat = Path(name).stat()
    run, series = _run_of(os.path.realpath(name))
    return (stat.st_dev, stat.st_ino), ExportFile(name, stat.st_mtime, stat.st_size, run, series)


def _listed(url: str) -> list[ExportFile]:
    with _s3(url) as (client, bucket, key):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        listed = {item["Key"]: item for page in pages for item in page.get("Contents", ())}
        if key in listed:
            keys = [key]
        else:  # also where the prefix's slash was left out, but not other folders that begin so
            keys = sorted(
                name for name in listed if name.startswith(key if key.endswith("/") or not key else f"{key}/")
            )
            keys = [name for name in keys if _is_export(PurePosixPath(name).name)]
    return [
        ExportFile(name, listed[key]["LastModified"].timestamp(), listed[key]["Size"], *_run_of(name))
        for key in keys
        for name in [f"s3://{bucket}/{key}"]
    ] or _nothing(url)


def _nothing(name: str) -> Any:
    raise UsageError(f"{name}: no .csv, .jsonl or .parquet file here, nor one of them with .gz")


def _run_of(path: str) -> tuple[str, str | None]:
    """The run that a file is a part of, and the series of that run, by its path."""
    *folders, name = path.replace("\\", "/").split("/")
    period = next((place for place in range(len(folders), 0, -1) if _PERIOD.fullmatch(folders[place - 1])), None)
    if period is not None:
        above = "/".join(folders[:period])
        below = folders[period] if period < len(folders) else ""
        if _TIME.match(below) or _ID.match(below):
            return f"{above}/{below}", above
        if not below and _ID.search(name):
            return f"{above}/{name}", f"{above}/{_ID.sub('#', name)}"
    return f"{'/'.join(folders)}/{_PART.sub('#', name)}", None  # such as a partition `account=1`


def _one_form(files: list[ExportFile], notes: list[str]) -> list[ExportFile]:
    """Of `x.csv`, `x.csv.gz` and `x.parquet` in one folder the newest, or of the same age the surest."""
    forms: dict[str, list[ExportFile]] = {}
    for file in files:
        ending = next((ending for ending in _ENDINGS if file.name.lower().endswith(ending)), "")
        forms.setdefault(file.name[: len(file.name) - len(ending)] if ending else f"{file.name}/", []).append(file)
    kept = []
    for same in forms.values():
        best = max(same, key=lambda file: (file.modified, file.name.endswith(".parquet"), file.name))
        kept.append(best)
        notes += [f"{file.name} is {best.name} in another form: not read" for file in same if file is not best]
    return kept


def _newest_runs(files: list[ExportFile], notes: list[str]) -> list[ExportFile]:
    """Without the older runs of a series, where the names of all its runs say when they were."""
    series: dict[str, dict[str, str | None]] = {}
    for file in files:
        if file.series is not None:
            time = _TIME.match(file.run[len(file.series) + 1 :])
            series.setdefault(file.series, {})[file.run] = re.sub(r"\D", "", time[0]) if time else None
    older: set[str] = set()
    for runs in series.values():
        times = {run: time for run, time in runs.items() if time}
        if len(times) == len(runs) > 1:
            newest = max(times, key=lambda run: (times[run].ljust(14, "0"), run))
            older |= runs.keys() - {newest}
            name = next(file.name for file in files if file.run == newest)
            notes.append(newest_run_note(len(runs), name))
    return [file for file in files if file.run not in older]


def newest_run_note(runs: int, newest: str, period: str = "") -> str:
    """That an export was run several times, and which run counts."""
    return f"{runs} runs of one export{period}: the newest counts, {newest}"


@contextmanager
def opened(source: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, here or in S3."""
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
