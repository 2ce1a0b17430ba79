"""A file of an exported bill, and the run that it belongs to, by its path.

Azure writes each run of an export, the whole month to date, to a folder of its own below the billing period:
`exports/daily/20261101-20261130/202611200512/<id>/part_0_0001.csv`; AWS the same below `BILLING_PERIOD=2026-11`,
unless told to overwrite. Azure can also write each run to a file `daily_<id>.csv` of the same folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
