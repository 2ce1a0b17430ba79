"""The rows of a report with the runs they were made of, each named by the letter it has in the plots."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.escape import clean
from analysis.rows import Row
from bench.record.documents import Run

if TYPE_CHECKING:
    from analysis.report import Report

# What the runs of a row have in common: columns of the frame, with the fields of Row that hold them.
_SHARED = {
    "recipe": "recipe", "machine": "machine", "precision": "precision", "path": "path",
    "convolution": "convolution", "instance": "instance", "dataset": "dataset", "target": "target",
    "hourly": "price_per_hour", "currency": "currency", "pricing_category": "pricing_category",
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """A row of the table. `runs` are those that count, oldest first; none for a published entry."""

    letter: str
    row: Row
    runs: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        """What tells the row from the others, in a line."""
        row = self.row
        how = [row.machine, row.precision, row.path, None if row.convolution == "direct" else row.convolution]
        if row.pricing_category in ("Dynamic", "Committed"):
            how.append("spot" if row.pricing_category == "Dynamic" else "committed")
        return f"{row.recipe}, {', '.join(part for part in how if part)}"


def groups_of(report: Report) -> list[Group]:
    """A group for each row of the report, in its order."""
    by_id = {run.id: run for run in report.runs}
    ids: dict[tuple[Any, ...], list[list[str]]] = defaultdict(list)
    for key, group in report.frame.groupby(list(_SHARED), dropna=False, sort=False):
        ids[tuple(map(_plain, key))].append(group["run_id"].tolist())
    made = []
    for number, row in enumerate(report.rows):
        runs: tuple[Run, ...] = ()
        if row.kind == "measured":
            # Names that differ only in what cannot be seen make rows of one key; they come in the same order.
            found = ids[tuple(getattr(row, field) for field in _SHARED.values())].pop(0)
            runs = tuple(by_id[run_id] for run_id in found if _counts(by_id[run_id]))
        made.append(Group(letter(number), row, runs))
    return made


def letter(number: int) -> str:
    """A, B, … Z, AA, AB, … for 0, 1, …; the notes have the numbers."""
    high, low = divmod(number, 26)
    return (letter(high - 1) if high else "") + chr(ord("A") + low)


def _counts(run: Run) -> bool:
    # As `frame.counted` has it.
    return run.status != "completed" or run.valid


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return clean(value) if isinstance(value, str) else value
