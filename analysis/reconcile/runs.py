"""Which files of an export are read: one of several formats of a file, the newest of several runs of a month.

Where the folders of runs begin with a time, their names tell the newest. A run without a row, as one that was cut
short leaves, hides no other.
"""

from __future__ import annotations

import re

from analysis.reconcile.export_file import TIME, ExportFile, form_of
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError

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
