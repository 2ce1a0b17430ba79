"""Wide tables for people, and the same rows as CSV for programs: no cell is ever folded, so each can be copied."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.text import csv_cell, one_line

_UNBOUNDED = 10_000


class Line(NamedTuple):
    """One row of the table; a dim one counts less."""

    cells: Sequence[str]
    dim: bool = False


def as_table(
    headers: Iterable[str], numbers: set[str], rows: Iterable[Line], below: Iterable[str], *, terminal: bool
) -> str:
    """The rows under `headers`, those in `numbers` to the right, and the lines `below`, as wide as it gets."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for header in headers:
        table.add_column(header, justify="right" if header in numbers else "left")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row.cells), style="dim" if row.dim else "")
    out = io.StringIO()
    console = Console(file=out, width=_UNBOUNDED, force_terminal=terminal, color_system="auto" if terminal else None)
    console.print(table)
    for line in below:
        console.print(Text(one_line(line)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def as_csv(fields: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """The rows under `fields`; unknown is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: csv_cell(one_line(_plain(value))) for key, value in row.items()})
    return out.getvalue()


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
