"""How a report's numbers were measured: clocks, prices, machines and software, and the runs that were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from analysis.plots.data import Group
from analysis.report.report import Report
from analysis.tables.footnotes import CLOCKS
from analysis.tables.given_prices import WhatIf
from bench.record.documents import POLICIES, Policy, Run
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, Cell, Table, one_line, plural, table_of

# A row more says no more.
_ROWS_SHOWN = 40
_MESSAGE_SHOWN = 200

TextTable = Table[Sequence[Cell]]


def method(report: Report, groups: Sequence[Group]) -> list[tuple[str, TextTable]]:
    """The tables of the method with their titles, those without a row left out."""
    tables = {
        "Clocks: what counts as the time": clocks(report.policy),
        "Runs: how many, and what was left out": counts(groups),
        "Runs that did not complete": broken(report.runs),
        "Prices and where they are from": prices(groups, report.what_if),
        "Machines and software": environments(report.runs),
    }
    return [(name, table) for name, table in tables.items() if table.items]


def clocks(policy: Policy) -> TextTable:
    """What each clock counts, the one of this report marked."""
    marked = [(f"{name} (this report)" if name == policy else name, CLOCKS[name]) for name in POLICIES]
    return table_of(("clock", "counts"), (*marked, ("lease", "the whole lease of a machine, shared by its runs")))


def counts(groups: Iterable[Group]) -> TextTable:
    """How many runs each measured row was made of, and what became of the others."""
    rows = [
        (g.name, *map(str, (r.runs, r.completed, r.failed, r.interrupted, r.invalid, r.timed, r.hits)))
        for g in groups
        if (r := g.row).kind == "measured"
    ]
    headers = (
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


def prices(groups: Iterable[Group], what_if: WhatIf | None = None) -> TextTable:
    """Each row's price with its source, after the one of the what-if columns."""
    rows = []
    if what_if:
        name = f"what-if{f', {what_if.instance}' if what_if.instance else ''}: nobody paid it"
        price = f"{what_if.price_per_hour:f} {what_if.currency}"
        seen = what_if.seen.isoformat() if what_if.seen else NOT_APPLICABLE
        rows.append((name, price, CATEGORIES[what_if.pricing_category], what_if.source, seen))
    for group in groups:
        row = group.row
        price = UNKNOWN if row.price_per_hour is None else f"{row.price_per_hour:f} {row.currency or ''}".strip()
        category = CATEGORIES.get(row.pricing_category or "", NOT_APPLICABLE)
        seen = row.price_seen.isoformat() if row.price_seen else NOT_APPLICABLE
        rows.append((group.name, price, category, row.price_source or NOT_APPLICABLE, seen))
    return _limited(("row", "price per hour", "category", "source", "seen"), rows)


def broken(runs: Iterable[Run]) -> TextTable:
    """The runs that did not complete: why, in their own words."""
    counted_rows: Counter[tuple[str, ...]] = Counter(
        (run.label, run.status, run.reason, run.message or NOT_APPLICABLE) for run in runs if run.reason is not None
    )
    return _counted(("recipe", "status", "reason", "message"), counted_rows)


def environments(runs: Iterable[Run]) -> TextTable:
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
    facts = (
        run.label,
        f"{device.count} x {run.device_name}",
        ", ".join(part for part in (device.precision, device.path) if part),
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
    return tuple(part or UNKNOWN for part in facts)


def _commit(commit: str | None, dirty: bool | None) -> str | None:
    return f"{commit[:12]}, with changes" if commit and dirty else commit and commit[:12]


def _counted(headers: tuple[str, ...], counted_rows: Counter[tuple[str, ...]]) -> TextTable:
    """The rows with how many runs each stands for, the most frequent first."""
    ordered = sorted(counted_rows.items(), key=lambda item: (-item[1], item[0]))
    rows = [(str(count), *map(_short, row)) for row, count in ordered]
    return _limited(("runs", *headers), rows)


def _limited(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> TextTable:
    more = len(rows) - _ROWS_SHOWN
    return table_of(headers, rows[:_ROWS_SHOWN], [f"not shown: {plural(more, 'row')} more."] if more > 0 else [])


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MESSAGE_SHOWN else f"{text[: _MESSAGE_SHOWN - 1]}…"
