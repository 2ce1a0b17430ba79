"""The rows of published runs in the cost table: their own clock, P(hit) and intervals, as those of measured ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analysis.published.runs import published_frame
from analysis.published.summary import left_out, summary_lines
from analysis.tables.cost_table import Row, measured_row
from bench.record.documents import DEFAULT_POLICY, PublishedRuns
from bench.text import one_line

GENERAL_NOTE = (
    "published, n > 1: runs as their author made and timed them, misses among them; a time stands under its author's "
    "clock, and a note to its row says what that counts and leaves out; left out beside the time is what is told of "
    "every run, and there may be more. From 3 machines on the median and its interval "
    "are about machines of that type, each of which counts alike. What they cost is at the price that was set beside "
    "them at import. bench did not see them run."
)


def published_rows(several: Iterable[PublishedRuns]) -> list[Row]:
    """A row for each of `several`, in their order."""
    return [_row(series) for series in several]


def _row(series: PublishedRuns) -> Row:
    return replace(
        measured_row(published_frame([series]), DEFAULT_POLICY),
        kind="published",
        clock=series.clock or "its author's",
        left_out_s=left_out(series),
        notes=tuple(summary_lines(series)),
        price_source=one_line(series.price.source if series.price else series.source),
    )
