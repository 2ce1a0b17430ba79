"""A report as one self-contained HTML page: no network, no other file.

First the answer and the verdicts, then time against dollars, then a table that fits; the rest folds away. What stands
in records is text to the page and never markup: jinja2 escapes all of it. The page forbids itself every request, and
every script but its own, by a Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.claims.check import claims_table
from analysis.plots.data import groups_of
from analysis.plots.figures import figures
from analysis.report.answer import answer, first_rows, task
from analysis.report.method import method
from analysis.report.report import Report
from analysis.report.sample_table import sample_table
from analysis.report.tables import cost_table, lease_table
from analysis.tables.cost_table import Row
from bench.text import Cell, Lines, Table, plural

_TEMPLATES = Path(__file__).with_name("templates")
_SCRIPTS = ("sort.js", "tips.js")
# Of the table that is read first: more do not fit a laptop's screen. What a line of another cell says has no column.
# Those that are always there come first, then others in their order, and at last what is left out before all else.
MOST_COLUMNS = 9
_INSIDE = ("target", "price_per_hour", "runs", "hits")
_ALWAYS = (
    "recipe",
    "machine",
    "p_hit",
    "time_s",
    "train_cost",
    "cost_per_success",
    "what_if_train_cost",
    "what_if_cost_per_success",
    "accuracy",
)
_LAST = ("time_ratio", "cost_ratio", "energy_kwh_per_success")
# The beginnings of the notes to the table that say what a column holds.
_ABOUT = {
    "price_per_hour": ("unknown",),
    "runs": ("runs",),
    "hits": ("runs", "programs"),
    "p_hit": ("runs", "intervals", "programs"),
    "accuracy": ("intervals",),
    "time_s": ("time", "intervals"),
    "train_cost": ("runs", "intervals", "unknown"),
    "cost_per_success": ("runs", "intervals", "unknown"),
    "time_ratio": ("÷",),
    "cost_ratio": ("÷",),
    "energy_kwh_per_success": ("energy",),
    "what_if_train_cost": ("what-if",),
    "what_if_cost_per_success": ("what-if",),
}


class PageCell(NamedTuple):
    """A cell: what is read, and what it is sorted by ("" sorts last)."""

    lines: Lines
    value: str = ""


class PageRow(NamedTuple):
    """A row: its class in the page, the numbers of its notes, and its cells."""

    kind: str
    notes: Sequence[int]
    cells: Sequence[PageCell]


class PageColumn(NamedTuple):
    """A column: its header, whether it holds numbers, and the places of the notes to the table about it."""

    header: Lines
    numeric: bool
    about: Sequence[int] = ()


@dataclass(frozen=True)
class PageTable:
    """A table of the page. Its notes have the ids `notes`-1, …: tables that show the same rows share them."""

    id: str
    title: str
    columns: Sequence[PageColumn]
    rows: Sequence[PageRow]
    notes: str
    sortable: bool = False


def as_html(report: Report) -> str:
    """The whole report as a page."""
    script = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    groups = groups_of(report.rows, report.runs)
    costs, claims = cost_table(report), claims_table(report.checks)
    samples, leases = sample_table(report.samples), lease_table(report)
    first, *other = figures(groups, report.policy, report.runs, report.leases)
    return environment.get_template("report.html").render(
        answer=answer(report),
        verdicts=[(check, " ".join(cells[4])) for check, cells in zip(claims.items, claims.rows(), strict=True)],
        costs=costs,
        short=_short(report, costs),
        full=_whole("all-rows", "All rows and columns", costs, notes="row", kind=lambda row: row.kind, sortable=True),
        more_tables=[
            (table, _whole(f"{name}s", table.title, table, notes=name))
            for name, table in (("sample", samples), ("lease", leases))
            if table.items
        ],
        claims=claims,
        claim_table=_whole(
            "claims", "Claims", claims, notes="claim", kind=lambda check: check.verdict.replace(" ", "-")
        ),
        figure=first,
        figures=other,
        method=method(report, groups),
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # a file of ours
        script=Markup(script),  # files of ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        markup=Markup,
    )


def _short(report: Report, costs: Table[Row]) -> PageTable:
    """The rows that the report is about first, in at most MOST_COLUMNS columns."""
    first = first_rows(report.rows)
    published = bool(first) and all(row.kind == "published" for row in first)
    title = "Published results" if published else "Our own runs"
    whole = _whole("costs", title, replace(costs, items=first), notes="row", kind=lambda row: row.kind, sortable=True)
    names = [column.sort for column in costs.columns]
    by_need = sorted(
        set(names).difference(_INSIDE), key=lambda name: (name not in _ALWAYS, name in _LAST, names.index(name))
    )
    places = sorted(names.index(name) for name in by_need[:MOST_COLUMNS])
    numbers = costs.numbered()  # those of the whole table, whose notes are listed
    rows = []
    for item, row in zip(first, whole.rows, strict=True):
        cells = dict(zip(names, row.cells, strict=True))
        said = {
            "recipe": [task(item)],
            "machine": [_price(item, cells)],
            "p_hit": [f"{item.hits:,} of {plural(item.runs, 'run')}", *cells["runs"].lines[1:]],
        }
        wider = [
            cell._replace(lines=[*cell.lines, *said.get(name, [])]) for name, cell in zip(names, row.cells, strict=True)
        ]
        marks = sorted(numbers[note] for note in item.notes)
        rows.append(PageRow(row.kind, marks, [wider[place] for place in places]))
    return replace(whole, columns=[whole.columns[place] for place in places], rows=rows)


def _whole(
    id: str,  # noqa: A002 -- the word that the page has
    title: str,
    table: Table[Any],
    *,
    notes: str,
    kind: Callable[[Any], str] = lambda item: "",
    sortable: bool = False,
) -> PageTable:
    """All of `table`, with the numbers of its notes separate from its cells."""
    numbers = table.numbered()
    rows = [
        PageRow(
            kind(item),
            sorted(numbers[note] for note in table.notes(item)),
            [
                PageCell(lines, _value(getattr(item, column.sort)) if sortable else "")
                for column, lines in zip(table.columns, cells, strict=True)
            ],
        )
        for item, cells in zip(table.items, replace(table, notes=lambda item: ()).rows(), strict=True)
    ]
    columns = [
        PageColumn(header, column.numeric, _about(column.sort, table.footnotes))
        for column, header in zip(table.columns, table.headers(), strict=True)
    ]
    return PageTable(id, title, columns, rows, notes, sortable)


def _price(row: Row, cells: Mapping[str, PageCell]) -> str:
    if row.price_per_hour is None:
        return "price unknown"
    amount, *category = cells["price_per_hour"].lines
    return ", ".join([f"{amount}{' USD' if row.currency == 'USD' else ''}/h", *category])


def _about(column: str, footnotes: Sequence[str]) -> list[int]:
    """The places, from 1, of the notes to the table about a column."""
    begins = _ABOUT.get(column, ())
    return [place for place, note in enumerate(footnotes, start=1) if note.startswith(begins)] if begins else []


def _value(sorted_by: Cell) -> str:
    if isinstance(sorted_by, int | float | Decimal):
        return repr(float(sorted_by))
    return "" if sorted_by is None else str(sorted_by)
