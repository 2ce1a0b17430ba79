"""A plan for people, as a table or Markdown, and for programs, as CSV and JSON. Unknown is spelled out, never 0."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing.prices import Offer
from bench.sweep.planning.notes import is_stale, notes, three_digits
from bench.sweep.planning.plan import CURRENCY, CellPlan, Plan
from bench.table import Column, Table, table_of
from bench.text import NOT_APPLICABLE, UNKNOWN


def render(plan: Plan, style: str, today: date, *, terminal: bool) -> str:
    """`plan` as `table`, `markdown`, `csv` or `json`; prices seen more than 30 days before `today` are stale.

    Markdown leaves that out: it is kept and read on another day, and the day of each price stands in it.
    """
    if style == "json":
        return json.dumps(_content(plan, today), indent=1) + "\n"
    if style == "csv":
        records = [_record(cell, today) for cell in plan.cells]
        return table_of(records[0], [tuple(record.values()) for record in records]).as_csv()
    if style == "markdown":
        return plan_table(plan, None).as_markdown()
    return plan_table(plan, today).as_text(terminal=terminal, fit=False)


def plan_table(plan: Plan, today: date | None) -> Table[CellPlan]:
    """A row a cell; prices seen more than 30 days before `today` are stale, where it is given."""
    one_recipe = len(plan.sweep.recipes) == 1
    columns: tuple[Column[CellPlan], ...] = (
        Column("cell", lambda cell: cell.cell.name, numeric=False),
        Column("file", lambda cell: str(cell.cell.task), numeric=False),
        Column("machine", _machine, numeric=False),
        Column("pricing", _pricing, numeric=False),
        Column("USD/h", lambda cell: three_digits(cell.offer.hourly if cell.offer else None)),
        Column("seen", lambda cell: _seen(cell.offer, today), numeric=False),
        Column("runs", lambda cell: cell.runs),
        Column("hours", _hours),
        Column("known by", lambda cell: cell.time.basis if cell.time else NOT_APPLICABLE, numeric=False),
        Column("USD", lambda cell: _with_bound(cell.dollars, cell.most_dollars)),
        Column("unpriced", _unpriced, numeric=False),
        Column("USD per success", lambda cell: _success(cell) if one_recipe else NOT_APPLICABLE),
    )
    return Table(
        columns,
        plan.cells,
        footnotes=list(notes(plan, today)),
        notes=lambda cell: [cell.offer.source] if cell.offer else [],
        marks=[column.header for column in columns].index("seen"),
    )


def _record(cell: CellPlan, today: date) -> dict[str, Any]:
    """One cell, unknown is null."""
    offer, time, cost, hit_rate = cell.offer, cell.time, cell.cost, cell.hit_rate
    return {
        "cell": cell.cell.name,
        "task": str(cell.cell.task),
        "instance": f"{offer.provider}:{offer.instance_type}" if offer else None,
        "gpu": cell.gpu,
        "gpus": cell.gpus,
        "pricing": _pricing(cell),
        "per_hour": _exact(offer.hourly) if offer else None,
        "currency": offer.currency if offer else None,
        "price_source": offer.source if offer else None,
        "price_seen": (offer.seen_at or offer.seen).isoformat() if offer else None,
        "price_stale": offer.stale(today) if offer else None,
        "billing_rule": cost.rule.words if cost and cost.rule else None,
        "runs": cell.runs,
        "time_known_by": time.basis if time else None,
        "seconds": round(time.expected, 3) if time else None,
        "seconds_at_most": round(time.upper, 3) if time else None,
        "dollars": _exact(cell.dollars),
        "dollars_at_most": _exact(cell.most_dollars),
        "parts_priced": list(cost.priced) if cost else [],
        "parts_unpriced": list(cost.unpriced) if cost else [],
        "hits": hit_rate.hits if hit_rate else None,
        "tries": hit_rate.runs if hit_rate else None,
        "tries_elsewhere": hit_rate.elsewhere if hit_rate else None,
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
        "cells": [{**_record(cell, today), "parts_of_time": _parts_of_time(cell)} for cell in plan.cells],
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
    }


def _parts_of_time(cell: CellPlan) -> dict[str, Any] | None:
    if cell.time is None:
        return None
    durations = {"provision": cell.time.provision, "setup": cell.time.setup}
    for times in cell.time.recipes:
        durations |= {f"{times.recipe}: start": times.start, f"{times.recipe}: run": times.run}
    return {
        name: {"seconds": duration.expected, "at_most": duration.upper, "known_by": duration.words}
        for name, duration in durations.items()
    }


def _machine(cell: CellPlan) -> str:
    gpus = f"{cell.gpus} x {cell.gpu}" if cell.gpu else "no GPU"
    return f"{gpus}, {cell.offer.provider}:{cell.offer.instance_type}" if cell.offer else gpus


def _seen(offer: Offer | None, today: date | None) -> str:
    return f"{offer.seen}{', stale' * is_stale(offer, today)}" if offer else NOT_APPLICABLE


def _hours(cell: CellPlan) -> str:
    return _with_bound(cell.time.expected / 3600, cell.time.upper / 3600) if cell.time else UNKNOWN


def _unpriced(cell: CellPlan) -> str:
    return f"{len(cell.cost.unpriced)} of {len(cell.cost.parts)}" if cell.cost and cell.cost.parts else NOT_APPLICABLE


def _with_bound(expected: Decimal | float | None, most: Decimal | float | None) -> str:
    return UNKNOWN if expected is None else f"{three_digits(expected)}, at most {three_digits(most)}"


def _success(cell: CellPlan) -> str:
    if cell.per_success is not None and cell.hit_rate:
        elsewhere = "*" if cell.hit_rate.elsewhere else ""
        return f"{three_digits(cell.per_success)} ({cell.hit_rate.hits} of {cell.hit_rate.runs} hit{elsewhere})"
    return UNKNOWN if cell.per_run is None else f"{UNKNOWN}, from {three_digits(cell.per_run)}"


def _pricing(cell: CellPlan) -> str:
    return "spot" if cell.cell.spot else "on-demand"


def _exact(amount: Decimal | None) -> str | None:
    """To a millionth: what is estimated is not known any better, and no price has more digits."""
    return None if amount is None else format(round(amount, 6).normalize(), "f")
