"""The cost report: from documents to rows and their footnotes. `render` turns it into text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

import bench
from analysis import dawnbench
from analysis.cost_table import cost_table
from analysis.frame import runs_frame
from analysis.notes import NO_RUNS, general_notes
from analysis.render import FORMATS, Format, render
from analysis.rows import Row
from bench.record.documents import AnyDocument, Run
from bench.record.policy import DEFAULT_POLICY, Policy

__all__ = ["FORMATS", "Format", "Report", "Row", "build_report", "cost_table", "render"]


@dataclass(frozen=True)
class Report:
    """A cost table with what must be said beside it.

    `headline` says what the rows were made of, or how to make a first run; `footnotes` are about the whole
    table, and each row has its own notes. `frame` (of `runs_frame`) and `runs` are what the rows were made
    of; plots and the account of the method are made of them.
    """

    policy: Policy
    rows: tuple[Row, ...]
    headline: str
    footnotes: tuple[str, ...]
    frame: pd.DataFrame = field(default_factory=lambda: runs_frame([]), repr=False, compare=False)
    runs: tuple[Run, ...] = field(default=(), repr=False, compare=False)


def build_report(
    documents: Iterable[AnyDocument],
    *,
    policy: Policy = DEFAULT_POLICY,
    entries: pd.DataFrame | None = None,
    unreadable: int = 0,
) -> Report:
    """The cost report of `documents`.

    `entries` are the published entries to show, by default those of the claim about David Page's;
    `unreadable` is how many records of the store could not be read, which a footnote then says.
    """
    documents = list(documents)
    runs = {document.id: document for document in documents if isinstance(document, Run)}
    return report_of(runs_frame(documents), runs=runs.values(), policy=policy, entries=entries, unreadable=unreadable)


def report_of(
    frame: pd.DataFrame,
    *,
    runs: Iterable[Run] = (),
    policy: Policy = DEFAULT_POLICY,
    entries: pd.DataFrame | None = None,
    unreadable: int = 0,
) -> Report:
    """Like `build_report`, of a frame. Without the `runs` themselves no plot can be drawn of them."""
    shown = dawnbench.claim_entries() if entries is None else entries
    rows = cost_table(frame, policy, shown)
    footnotes = general_notes(
        policy,
        measured=len(frame) > 0,
        shown=len(shown),
        compared=any(row.time_ratio is not None for row in rows),
    )
    if unreadable:
        footnotes.insert(0, f"records that could not be read, and so are not counted: {unreadable}.")
    return Report(policy, tuple(rows), _headline(frame, rows), tuple(footnotes), frame, tuple(runs))


def _headline(frame: pd.DataFrame, rows: list[Row]) -> str:
    if frame.empty:
        return NO_RUNS
    groups = sum(row.kind == "measured" for row in rows)
    runs = f"{len(frame)} run{'s' if len(frame) > 1 else ''} in {groups} row{'s' if groups > 1 else ''}"
    newest = frame["started"].max()
    return f"{runs}, the newest of {newest:%Y-%m-%d %H:%M} UTC; bench {bench.__version__}."
