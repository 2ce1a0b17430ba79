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

from analysis.claims import render as claims_text
from analysis.claims.claim import RULE
from analysis.plots.data import Group, groups_of
from analysis.plots.figures import figures
from analysis.report import lease_cells
from analysis.report.cells import NUMERIC_FROM, Cell, cells, headers
from analysis.tables.footnotes import numbered_notes, title
from analysis.tables.row import Row

if TYPE_CHECKING:
    from analysis.report.report import Report


from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.tables.footnotes import CLOCKS
from bench.record.documents import Run
from bench.record.policy import POLICIES, Policy
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, one_line

_ROWS = 40
_MESSAGE = 200


@dataclass(frozen=True)
class Table:
    """A small table of plain text, not yet escaped. `more` rows are not shown."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


def clocks(policy: Policy) -> Table:
    """What each clock counts, the one of this report marked."""
    marked = [(f"{name} (this report)" if name == policy else name, CLOCKS[name]) for name in POLICIES]
    return Table(("clock", "counts"), (*marked, ("lease", "the whole lease of a machine, which no run has alone")))


def counts(groups: Iterable[Group]) -> Table:
    """How many runs each measured row was made of, and what became of the others."""
    rows = [
        (g.letter, g.name, *map(str, (r.runs, r.completed, r.failed, r.interrupted, r.invalid, r.timed, r.hits)))
        for g in groups
        if (r := g.row).kind == "measured"
    ]
    headers = (
        "",
        "row",
        "runs counted",
        "completed",
        "failed",
        "interrupted",
        "excluded: not synchronised",
        "with a time",
        "hits",
    )
    return _limited(headers, rows)


def prices(groups: Iterable[Group]) -> Table:
    """Each row's price with its source."""
    rows = []
    for group in groups:
        row = group.row
        price = UNKNOWN if row.price_per_hour is None else f"{row.price_per_hour:f} {row.currency or ''}".strip()
        category = CATEGORIES.get(row.pricing_category or "", NOT_APPLICABLE)
        seen = row.price_seen.isoformat() if row.price_seen else NOT_APPLICABLE
        rows.append((group.letter, group.name, price, category, row.price_source or NOT_APPLICABLE, seen))
    return _limited(("", "row", "price an hour", "category", "source", "seen"), rows)


def broken(runs: Iterable[Run]) -> Table:
    """The runs that did not complete: why, in their own words."""
    found: Counter[tuple[str, ...]] = Counter(
        (run.recipe.name, run.status, run.reason, run.message or NOT_APPLICABLE)
        for run in runs
        if run.reason is not None
    )
    return _counted(("recipe", "status", "reason", "message"), found)


def environments(runs: Iterable[Run]) -> Table:
    """The machines and the software of the runs."""
    headers = (
        "recipe",
        "device",
        "computed in",
        "GPU",
        "driver",
        "CUDA",
        "torch",
        "Python",
        "system",
        "CPU",
        "cores",
        "bench",
        "git commit",
        "image",
    )
    return _counted(headers, Counter(map(_environment, runs)))


def _environment(run: Run) -> tuple[str, ...]:
    e, device = run.environment, run.device
    said = (
        run.recipe.name,
        f"{device.count} x {device.name}",
        f"{device.precision}, {device.path}",
        e.gpu,
        e.driver,
        e.cuda,
        e.torch,
        e.python,
        e.os,
        e.cpu,
        str(e.cores),
        e.bench,
        _commit(e.git_commit, e.git_dirty),
        e.image_digest,
    )
    return tuple(part or UNKNOWN for part in said)


def _commit(commit: str | None, dirty: bool | None) -> str | None:
    return f"{commit[:12]}, with changes" if commit and dirty else commit and commit[:12]


def _counted(headers: tuple[str, ...], found: Counter[tuple[str, ...]]) -> Table:
    """The rows with how many runs each stands for, the most frequent first."""
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rows = [(str(count), *map(_short, row)) for row, count in ordered]
    return _limited(("runs", *headers), rows)


def _limited(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(headers, tuple(rows[:_ROWS]), max(0, len(rows) - _ROWS))


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MESSAGE else f"{text[: _MESSAGE - 1]}…"


_TEMPLATES = Path(__file__).with_name("templates")


class SortableCell(NamedTuple):
    """A cell of the cost table: what is read, and what it is sorted by ("" sorts last)."""

    lines: Cell
    value: str


def as_html(report: Report) -> str:
    """The whole report as a page: the cost table, leases, the claims, four plots with their numbers, and the method."""
    script = (_TEMPLATES / "sort.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
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
        row.target,
        row.price_per_hour,
        row.runs,
        row.hits,
        row.p_hit,
        row.accuracy,
        row.time_s,
        row.train_cost,
        row.cost_per_success,
        row.time_ratio,
        row.cost_ratio,
    ]
    # A letter sorts by its length first: Z, AA.
    return [f"{len(letter)}{letter}", row.recipe, row.machine, *("" if n is None else repr(float(n)) for n in numbers)]


def _method(report: Report, groups: list[Group]) -> list[tuple[str, Table]]:
    """The tables of the method with their titles, those without a row left out."""
    made = [
        ("Clocks: what counts as the time", clocks(report.policy)),
        ("Runs: how many, and what was left out", counts(groups)),
        ("Runs that did not complete", broken(report.runs)),
        ("Prices and where they are from", prices(groups)),
        ("Machines and software", environments(report.runs)),
    ]
    return [(name, table) for name, table in made if table.rows]
