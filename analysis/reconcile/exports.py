"""The files of exported bills, in the layouts of folders and buckets.

A provider writes a manifest beside a run: it names the run's files, so that one that did not arrive is missed.

Of several formats of a file one is read, of several runs of a month the newest. Where the folders of runs begin with a
time, their names tell the newest. A run without a row, as one that was cut short leaves, hides no other.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.reconcile.export_file import TIME, ExportFile, form_of, is_manifest, opened, run_of, s3
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError, UsageError
from bench.store import walk

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")


def export_files(names: Iterable[str]) -> tuple[list[ExportFile], list[str]]:
    """The files to read, and a note for each choice among them: a folder or prefix stands for all exports in it.

    Raises UsageError where there are none, BenchError for what cannot be looked at or of which a part is missing.
    """
    notes: list[str] = []
    manifests: list[str] = []
    files: dict[object, ExportFile] = {}
    for name in dict.fromkeys(names):
        for identity, file in _found(name, notes, manifests):
            if identity not in files:
                files[identity] = file
            elif files[identity].name != file.name:
                notes.append(f"{file.name} is {files[identity].name} again: read once")
    taken = chosen(list(files.values()), notes)
    for manifest in manifests:
        _refuse_missing(manifest, taken)
    return taken, notes


def _refuse_missing(manifest: str, files: Iterable[ExportFile]) -> None:
    """Raises BenchError where some of the files that a manifest names are read, and some are not here."""
    folder = f"/{manifest}".rpartition("/")[0].replace("/metadata/", "/data/").removeprefix("/")
    here = {_plain(file.name) for file in files if not folder or file.name.startswith(f"{folder}/")}
    named = {_plain(name): name for name in _named_in(manifest)}
    missing = sorted(named.keys() - here)
    if missing and len(missing) < len(named):
        what = f"{len(missing)} of the {len(named)} files that it names" if len(missing) > 1 else "a file that it names"
        raise BenchError(
            f"{manifest}: {what} cannot be read here, {PurePosixPath(named[missing[0]]).name}; fetch the export again, "
            "or name its files one by one"
        )


def _plain(path: str) -> str:
    return form_of(PurePosixPath(path).name)[0]


def _named_in(manifest: str) -> list[str]:
    """The files that a manifest names: Azure's `blobs`, `reportKeys` of AWS's CUR, `dataFiles` of its Data Exports."""
    try:
        with opened(manifest) as file:
            said = json.load(file)
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(said, dict):
        return []
    lists = [said[key] for key in ("blobs", "reportKeys", "dataFiles") if isinstance(said.get(key), list)]
    names = [item.get("blobName") if isinstance(item, dict) else item for found in lists for item in found]
    return [name for name in names if isinstance(name, str) and form_of(name)[1]]


def _found(name: str, notes: list[str], manifests: list[str]) -> list[tuple[object, ExportFile]]:
    if name.startswith("s3://"):
        return [(file.name, file) for file in _listed(name, notes, manifests)]
    try:
        if not Path(name).is_dir():
            return [_local(name)]
        return [_local(path) for path in _taken(name, _walk(name), notes, manifests)]
    except OSError as error:
        where = error.filename or name
        raise BenchError(f"{where}: cannot be read ({error.strerror}); name an export, or a folder of them") from error


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for place, files in walk(Path(folder), refuse):
        yield from (os.path.join(place, file) for file in sorted(files))  # noqa: PTH118 -- of walk


def _taken(folder: str, names: Iterable[str], notes: list[str], manifests: list[str]) -> list[str]:
    """The exports in a folder or prefix, without what a Mac or Spark leaves beside them.

    A note for each file that may be an export, and is not read.
    """
    listed = [name for name in names if not PurePosixPath(name).name.startswith((".", "_"))]
    taken = [name for name in listed if _may_be_export(name)]
    archives = [name for name in listed if name.lower().endswith(_ARCHIVES) and name not in taken]
    said = [f"{name} is an archive: unpack it" for name in archives]
    said += [f"{name} is a workbook: save it as CSV" for name in listed if name.lower().endswith(_WORKBOOKS)]
    if not taken:
        nothing = f"{folder}: no .csv, .jsonl or .parquet file here, nor one of them compressed"
        raise UsageError("; ".join([nothing, *said]))
    notes += said
    manifests += [name for name in listed if is_manifest(name)]
    return taken


def _may_be_export(name: str) -> bool:
    """By its extension; JSON, which anything may be, by its columns. A broken file is reported when it is read."""
    ending = form_of(name)[1]
    if ".json" not in ending or ending.startswith(".jsonl"):
        return bool(ending)
    try:
        return next(iter(read_rows(name)), None) is not None
    except UsageError:
        return False
    except BenchError:
        return True


def _local(name: str) -> tuple[object, ExportFile]:
    known = Path(name).stat()
    size = known.st_size if stat.S_ISREG(known.st_mode) else 1  # what a pipe holds is not known
    run, series = run_of(os.path.realpath(name))
    return (known.st_dev, known.st_ino), ExportFile(name, known.st_mtime, size, run, series)


def _listed(url: str, notes: list[str], manifests: list[str]) -> list[ExportFile]:
    from bench.store.s3_listing import list_pages

    with s3(url) as (client, bucket, key):
        pages = list(list_pages(url, client, Bucket=bucket, Prefix=key))
    listed = {f"s3://{bucket}/{item['Key']}": item for page in pages for item in page.contents}
    names = [url]
    if url not in listed:  # also where the prefix's slash was left out, but not other folders that begin so
        folder = url if url.endswith("/") or not key else f"{url}/"
        names = _taken(url, sorted(name for name in listed if name.startswith(folder)), notes, manifests)
    return [ExportFile(name, _modified(listed[name]), listed[name].get("Size", 1), *run_of(name)) for name in names]


def _modified(item: dict[str, Any]) -> float:
    """When an object was put; where the server does not say, as long ago as any."""
    return item["LastModified"].timestamp() if "LastModified" in item else 0.0


_SMALL = 1 << 16  # bytes; a file without a row has fewer


def chosen(files: list[ExportFile], notes: list[str]) -> list[ExportFile]:
    """The files to read, with a note for each choice."""
    filled = [file for file in files if file.size]
    if not filled:
        return files  # reading them says what is wrong
    notes += [f"{file.name} is empty" for file in files if not file.size]
    return _newest_runs(_one_form(filled, notes), notes)


def _one_form(files: list[ExportFile], notes: list[str]) -> list[ExportFile]:
    """Of `x.csv`, `x.csv.gz` and `x.parquet` in one folder the newest, or of the same age the surest."""
    forms: dict[str, list[ExportFile]] = {}
    for file in files:
        plain, ending = form_of(file.name)
        forms.setdefault(plain if ending else f"{file.name}/", []).append(file)
    kept = []
    for same in forms.values():
        filled = [file for file in same if _holds_rows(file)] if len(same) > 1 else same
        best = max(filled or same, key=lambda file: (file.modified, file.name.endswith(".parquet"), file.name))
        kept.append(best)
        notes += [f"{file.name} is {best.name} in another form: not read" for file in same if file is not best]
    return kept


def _newest_runs(files: list[ExportFile], notes: list[str]) -> list[ExportFile]:
    """Without the older runs of a series, where the names of all its runs say when they were."""
    series: dict[str, dict[str, list[ExportFile]]] = {}
    for file in files:
        if file.series is not None:
            series.setdefault(file.series, {}).setdefault(file.run, []).append(file)
    left_out: set[str] = set()
    for above, runs in series.items():
        times = {run: TIME.match(run[len(above) + 1 :]) for run in runs}
        digits = {run: re.sub(r"\D", "", time[0]).ljust(14, "0") for run, time in times.items() if time}
        if len(digits) < len(runs) or len(runs) == 1:
            continue
        newest_first = sorted(runs, key=lambda run: (digits[run], run), reverse=True)
        newest = next((run for run in newest_first if any(map(_holds_rows, runs[run]))), newest_first[0])
        left_out |= runs.keys() - {newest}
        notes += [f"{runs[run][0].name} holds no row" for run in newest_first[: newest_first.index(newest)]]
        notes.append(newest_run_note(len(runs), runs[newest][0].name))
    return [file for file in files if file.run not in left_out]


def _holds_rows(file: ExportFile) -> bool:
    """Whether it has a row below its header; a broken file is reported when it is read."""
    if file.size > _SMALL:
        return True
    try:
        return next(iter(read_rows(file.name)), None) is not None
    except BenchError:
        return True


def newest_run_note(runs: int, newest: str, period: str = "") -> str:
    """That an export was run several times, and which run counts."""
    return f"{runs} runs of one export{period}: the newest counts, {newest}"
