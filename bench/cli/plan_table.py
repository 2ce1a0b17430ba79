"""A plan for people, as a table or Markdown, and for programs, as CSV and JSON. Unknown is spelled out, never 0."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from analysis.escape import clean, markdown
from analysis.words import NONE, UNKNOWN
from bench.cli.plan_notes import is_stale, notes, sources, three
from bench.cli.wide import Line, as_csv, as_table
from bench.cloud.sweep.plan import CURRENCY, CellPlan, Plan

_HEADERS = (
    "cell", "file", "machine", "pricing", "USD/h", "seen", "runs", "hours", "known by", "USD", "unpriced",
    "USD per success",
)  # fmt: skip
_NUMBERS = {"USD/h", "runs", "hours", "USD", "USD per success"}


def render(plan: Plan, style: str, today: date, *, terminal: bool) -> str:
    """`plan` as `table`, `markdown`, `csv` or `json`; prices seen more than 30 days before `today` are stale.

    Markdown leaves that out: it is kept and read on another day, and the day of each price stands in it.
    """
    if style == "json":
        return json.dumps(_content(plan, today), indent=1) + "\n"
    if style == "csv":
        rows = [_row(cell, today) for cell in plan.cells]
        return as_csv(list(rows[0]), rows)
    if style == "markdown":
        return _markdown(_rows(plan, None), list(notes(plan, None)))
    lines = map(Line, _rows(plan, today))
    return as_table(_HEADERS, _NUMBERS, lines, notes(plan, today), terminal=terminal)


def _row(cell: CellPlan, today: date) -> dict[str, Any]:
    """One cell, unknown is null."""
    quote, time, cost, tries = cell.quote, cell.time, cell.cost, cell.tries
    return {
        "cell": cell.cell.name,
        "task": str(cell.cell.task),
        "instance": f"{quote.provider}:{quote.instance_type}" if quote else None,
        "gpu": cell.gpu,
        "gpus": cell.gpus,
        "pricing": _pricing(cell),
        "per_hour": _exact(quote.hourly) if quote else None,
        "currency": quote.currency if quote else None,
        "price_source": quote.source if quote else None,
        "price_seen": (quote.seen_at or quote.seen).isoformat() if quote else None,
        "price_stale": quote.stale(today) if quote else None,
        "billing_rule": cost.rule.words if cost and cost.rule else None,
        "runs": cell.runs,
        "time_known_by": time.basis if time else None,
        "seconds": round(time.expected, 3) if time else None,
        "seconds_at_most": round(time.upper, 3) if time else None,
        "dollars": _exact(cell.dollars),
        "dollars_at_most": _exact(cell.most_dollars),
        "parts_priced": list(cost.priced) if cost else [],
        "parts_unpriced": list(cost.unpriced) if cost else [],
        "hits": tries.hits if tries else None,
        "tries": tries.runs if tries else None,
        "tries_elsewhere": tries.elsewhere if tries else None,
        "dollars_per_run": _exact(cell.per_run),
        "dollars_per_success": _exact(cell.per_success),
        "unknown_because": cell.why,
    }


def _content(plan: Plan, today: date) -> dict[str, Any]:
    sweep = plan.sweep
    return {
        "schema_version": 1,
        "sweep": sweep.name,
        "recipes": list(sweep.recipes),
        "cells": [
            {**_row(cell, today), "parts_of_time": _parts_of_time(cell)} for cell in plan.cells
        ],
        "total": {
            "dollars": _exact(plan.dollars),
            "dollars_at_most": _exact(plan.most_dollars),
            "currency": CURRENCY,
            "cells_of_unknown_dollars": plan.unknown,
            "seconds": plan.seconds,
            "seconds_at_most": plan.most_seconds,
        },
        "max_cost": _exact(sweep.max_cost),
        "keeps_max_cost": plan.keeps_cost,
        "max_duration_s": sweep.max_duration.total_seconds() if sweep.max_duration else None,
        "keeps_max_duration": plan.keeps_duration,
    }  # fmt: skip


def _parts_of_time(cell: CellPlan) -> dict[str, Any] | None:
    if cell.time is None:
        return None
    lengths = {"provision": cell.time.provision, "setup": cell.time.setup}
    for each in cell.time.recipes:
        lengths |= {f"{each.recipe}: start": each.start, f"{each.recipe}: run": each.run}
    return {
        name: {"seconds": length.expected, "at_most": length.upper, "known_by": length.words}
        for name, length in lengths.items()
    }


def _rows(plan: Plan, today: date | None) -> list[tuple[str, ...]]:
    return [
        (*_cells(cell, today, sources(plan)), _success(cell) if len(plan.sweep.recipes) == 1 else NONE)
        for cell in plan.cells
    ]


def _cells(cell: CellPlan, today: date | None, numbers: dict[str, int]) -> tuple[str, ...]:
    """All but the last of the row."""
    quote, time, cost = cell.quote, cell.time, cell.cost
    gpus = f"{cell.gpus} x {cell.gpu}" if cell.gpu else "no GPU"
    return (
        cell.cell.name,
        str(cell.cell.task),
        f"{gpus}, {quote.provider}:{quote.instance_type}" if quote else gpus,
        _pricing(cell),
        three(quote.hourly if quote else None),
        f"{quote.seen}{', stale' * is_stale(quote, today)} ({numbers[quote.source]})" if quote else NONE,
        str(cell.runs),
        _with_bound(time.expected / 3600, time.upper / 3600) if time else UNKNOWN,
        time.basis if time else NONE,
        _with_bound(cell.dollars, cell.most_dollars),
        f"{len(cost.unpriced)} of {len(cost.parts)}" if cost and cost.parts else NONE,
    )


def _with_bound(expected: Decimal | float | None, most: Decimal | float | None) -> str:
    return UNKNOWN if expected is None else f"{three(expected)}, at most {three(most)}"


def _success(cell: CellPlan) -> str:
    if cell.per_success is not None and cell.tries:
        elsewhere = "*" if cell.tries.elsewhere else ""
        return f"{three(cell.per_success)} ({cell.tries.hits} of {cell.tries.runs} hit{elsewhere})"
    return UNKNOWN if cell.per_run is None else f"{UNKNOWN}, from {three(cell.per_run)}"


def _pricing(cell: CellPlan) -> str:
    return "spot" if cell.cell.spot else "on-demand"


def _markdown(rows: list[tuple[str, ...]], lines: list[str]) -> str:
    aligned = tuple("-:" if header in _NUMBERS else ":-" for header in _HEADERS)
    table = [_HEADERS, aligned, *(tuple(markdown(clean(cell)) for cell in row) for row in rows)]
    written = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([*written, "", *(f"- {markdown(clean(line))}" for line in lines)]) + "\n"


def _exact(amount: Decimal | None) -> str | None:
    """To a millionth: what is estimated is not known any better, and no price has more digits."""
    return None if amount is None else format(round(amount, 6).normalize(), "f")
