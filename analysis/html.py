"""A report as one HTML page that needs nothing else: no network, no file beside it.

What stands in records is text to the page and never markup: jinja2 escapes all of it. The page forbids itself
every request, and every script but its own, by a Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis import claims_text, lease_cells, method
from analysis.cells import NUMERIC_FROM, Cell, cells, headers
from analysis.claims import RULE
from analysis.figures import figures
from analysis.groups import Group, groups_of
from analysis.notes import numbered_notes, title
from analysis.rows import Row

if TYPE_CHECKING:
    from analysis.report import Report

_TEMPLATES = Path(__file__).with_name("templates")


class SortableCell(NamedTuple):
    """A cell of the cost table: what is read, and what it is sorted by ("" sorts last)."""

    lines: Cell
    value: str


def as_html(report: Report) -> str:
    """The whole report as a page: the cost table, leases, the claims, four plots with their numbers, and the method."""
    script = (_TEMPLATES / "sort.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(_TEMPLATES), trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    groups = groups_of(report)
    notes, claim_notes = numbered_notes(report.rows), claims_text.numbered(report.checks)
    lease_notes = numbered_notes(report.paid)
    return environment.get_template("report.html").render(
        title=title(report.policy),
        headline=report.headline,
        headers=[("plot",), *headers(report.policy)],
        numeric_from=NUMERIC_FROM + 1,
        rows=[(group.row.kind, _cells(group, report, notes)) for group in groups],
        footnotes=report.footnotes,
        notes=list(notes),
        lease_title=lease_cells.TITLE,
        lease_headers=lease_cells.HEADERS,
        lease_rows=[lease_cells.cells(row, [lease_notes[note] for note in row.notes]) for row in report.paid],
        lease_footnotes=lease_cells.FOOTNOTES,
        lease_notes=list(lease_notes),
        claims=[(check.verdict, claims_text.cells(check, claim_notes)) for check in report.checks],
        claim_headers=claims_text.HEADERS,
        claim_rule=RULE,
        claim_notes=list(claim_notes),
        claim_sources=claims_text.sources(report.checks),
        figures=figures(report, groups),
        tables=_method(report, groups),
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # a file of ours
        script=Markup(script),  # a file of ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        markup=Markup,
    )


def _cells(group: Group, report: Report, notes: dict[str, int]) -> list[SortableCell]:
    lines = [(group.letter,), *cells(group.row, report.policy, [notes[note] for note in group.row.notes])]
    return [SortableCell(*pair) for pair in zip(lines, _values(group.letter, group.row), strict=True)]


def _values(letter: str, row: Row) -> list[str]:
    """What the columns are sorted by, in the order of `cells` with the letter before them."""
    numbers: list[float | Decimal | None] = [
        row.target, row.price_per_hour, row.runs, row.hits, row.p_hit, row.accuracy, row.time_s, row.train_cost,
        row.cost_per_success, row.time_ratio, row.cost_ratio,
    ]  # fmt: skip
    # A letter sorts by its length first: Z, AA.
    return [f"{len(letter)}{letter}", row.recipe, row.machine, *("" if n is None else repr(float(n)) for n in numbers)]


def _method(report: Report, groups: list[Group]) -> list[tuple[str, method.Table]]:
    """The tables of the method with their titles, those without a row left out."""
    made = [
        ("Clocks: what counts as the time", method.clocks(report.policy)),
        ("Runs: how many, and what was left out", method.counts(groups)),
        ("Runs that did not complete", method.broken(report.runs)),
        ("Prices and where they are from", method.prices(groups)),
        ("Machines and software", method.environments(report.runs)),
    ]
    return [(name, table) for name, table in made if table.rows]
