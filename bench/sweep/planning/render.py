"""A plan for people, as a table or Markdown, and for programs, as CSV and JSON. Unknown is spelled out, never 0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing.prices import Offer
from bench.sweep.planning.duration import PROVISION, SETUP, START, Duration
from bench.sweep.planning.peaks import EXPECTED, LEAST
from bench.sweep.planning.plan import CURRENCY, CellPlan, Plan
from bench.table import Line, as_csv, as_table
from bench.text import NOT_APPLICABLE, UNKNOWN, escape_markdown, one_line, plural
from bench.text import significant as three_digits

_KEPT = {
    True: "kept by the upper bound",
    False: "NOT kept by the upper bound",
    None: "nobody can say whether it is kept",
}


def notes(plan: Plan, today: date | None) -> Iterator[str]:
    """A line each, the total first; prices seen more than 30 days before `today` are stale, where it is given."""
    yield _total(plan)
    sweep = plan.sweep
    if sweep.max_cost is not None:
        yield f"max_cost {sweep.max_cost:.2f} {CURRENCY}: {_KEPT[plan.keeps_cost]}"
    if sweep.max_duration is not None:
        hours = sweep.max_duration.total_seconds() / 3600
        yield f"max_duration {hours:g} h, all cells side by side: {_KEPT[plan.keeps_duration]}"
    yield from (f"{cell.cell.name}: {cell.why}" for cell in plan.cells if cell.why)
    yield from _times(plan)
    yield from _parts(plan)
    yield from _successes(plan)
    yield from (f"({number}) {name}" for name, number in sources(plan).items())
    if any(cell.offer and is_stale(cell.offer, today) for cell in plan.cells):
        yield "stale: seen more than 30 days ago"


def is_stale(offer: Offer, today: date | None) -> bool:
    """Whether to say that a price is old."""
    return today is not None and offer.stale(today)


def sources(plan: Plan) -> dict[str, int]:
    """Where the prices were read, numbered from 1."""
    named = dict.fromkeys(cell.offer.source for cell in plan.cells if cell.offer)
    return {name: number for number, name in enumerate(named, 1)}


def significant(amount: Decimal | float | None) -> str:
    """To three significant digits; None is unknown."""
    return UNKNOWN if amount is None else three_digits(amount)


def _total(plan: Plan) -> str:
    sweep = plan.sweep
    said = f"{sweep.name}: {plural(sweep.runs, 'run')} each of {', '.join(sweep.recipes)}, "
    said += f"{plural(len(plan.cells), 'machine')}; total "
    if plan.dollars is None:
        return f"{said}{UNKNOWN}"
    said += f"{'at least ' if plan.unknown else ''}{significant(plan.dollars)} {CURRENCY}"
    said += f", upper bound {significant(plan.most_dollars)} {CURRENCY}"
    if plan.unknown:
        said += f", and what {plan.unknown} of them cost is unknown and not in it"
    return said


def _times(plan: Plan) -> Iterator[str]:
    times = [cell.time for cell in plan.cells if cell.time]
    if not times:
        return
    runs = [each.run for time in times for each in time.recipes]
    if any(run.basis == "measured" for run in runs):
        yield "measured: the median of the recorded runs on the same GPU, at most the slowest of them"
    if any(run.basis == "extrapolated" for run in runs):
        yield (
            f"extrapolated: the recipe's TFLOP at {EXPECTED:.0%} of the GPU's peak, at most at {LEAST:.0%}; less of it "
            "where memory is slow for the arithmetic"
        )
    yield f"until a machine is there: {_stretch([time.provision for time in times], PROVISION)}"
    yield f"its set-up: {_stretch([time.setup for time in times], SETUP)}"
    yield (
        f"a recipe's start: {_stretch([each.start for time in times for each in time.recipes], START)}, "
        "where assumed a warm-up run on top"
    )


def _stretch(lengths: list[Duration], usual: Duration) -> str:
    """How the same stretch of all cells is known."""
    said = sorted({length.words for length in lengths if length.basis == "measured"})
    if any(length.basis == "assumed" for length in lengths):
        said.append(f"assumed {usual.expected / 60:g} min, at most {usual.upper / 60:g}")
    return "; ".join(said)


def _parts(plan: Plan) -> Iterator[str]:
    """What the dollars leave out, and by which rule the machine is charged."""
    for provider, parts in sorted(
        {(cell.offer.provider, cell.cost.unpriced) for cell in plan.cells if cell.offer and cell.cost}
    ):
        if parts:
            yield f"unpriced at {provider}, and on top: {', '.join(parts)}"
    rules = {cell.cost.rule for cell in plan.cells if cell.cost and cell.cost.rule}
    for rule in sorted(rules, key=lambda rule: (rule.provider, rule.category)):
        kind = "spot" if rule.category == "Dynamic" else "on-demand"
        yield f"{rule.provider} charges {kind} machines {rule.words}"
    if any(cell.cell.spot for cell in plan.cells):
        yield "spot: what is lost to a pre-emption and made again is not counted"


def _successes(plan: Plan) -> Iterator[str]:
    if len(plan.sweep.recipes) > 1:
        yield "USD per success: none, as several recipes share a machine"
        return
    yield "USD per success: the dollars of the machine by the runs that should hit, at the rate of the recorded runs"
    if any(cell.per_success is not None and cell.hit_rate and cell.hit_rate.elsewhere for cell in plan.cells):
        yield "*: the rate of runs on other machines, as none on this GPU is recorded"
    if any(cell.per_success is None and cell.per_run is not None for cell in plan.cells):
        yield "unknown, from: no recorded run tells how many hit; a success costs that of a run at least"


_HEADERS = (
    "cell",
    "file",
    "machine",
    "pricing",
    "USD/h",
    "seen",
    "runs",
    "hours",
    "known by",
    "USD",
    "unpriced",
    "USD per success",
)
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
        "cells": [{**_row(cell, today), "parts_of_time": _parts_of_time(cell)} for cell in plan.cells],
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
    lengths = {"provision": cell.time.provision, "setup": cell.time.setup}
    for each in cell.time.recipes:
        lengths |= {f"{each.recipe}: start": each.start, f"{each.recipe}: run": each.run}
    return {
        name: {"seconds": length.expected, "at_most": length.upper, "known_by": length.words}
        for name, length in lengths.items()
    }


def _rows(plan: Plan, today: date | None) -> list[tuple[str, ...]]:
    return [
        (*_cells(cell, today, sources(plan)), _success(cell) if len(plan.sweep.recipes) == 1 else NOT_APPLICABLE)
        for cell in plan.cells
    ]


def _cells(cell: CellPlan, today: date | None, numbers: dict[str, int]) -> tuple[str, ...]:
    """All but the last of the row."""
    offer, time, cost = cell.offer, cell.time, cell.cost
    gpus = f"{cell.gpus} x {cell.gpu}" if cell.gpu else "no GPU"
    return (
        cell.cell.name,
        str(cell.cell.task),
        f"{gpus}, {offer.provider}:{offer.instance_type}" if offer else gpus,
        _pricing(cell),
        significant(offer.hourly if offer else None),
        f"{offer.seen}{', stale' * is_stale(offer, today)} ({numbers[offer.source]})" if offer else NOT_APPLICABLE,
        str(cell.runs),
        _with_bound(time.expected / 3600, time.upper / 3600) if time else UNKNOWN,
        time.basis if time else NOT_APPLICABLE,
        _with_bound(cell.dollars, cell.most_dollars),
        f"{len(cost.unpriced)} of {len(cost.parts)}" if cost and cost.parts else NOT_APPLICABLE,
    )


def _with_bound(expected: Decimal | float | None, most: Decimal | float | None) -> str:
    return UNKNOWN if expected is None else f"{significant(expected)}, at most {significant(most)}"


def _success(cell: CellPlan) -> str:
    if cell.per_success is not None and cell.hit_rate:
        elsewhere = "*" if cell.hit_rate.elsewhere else ""
        return f"{significant(cell.per_success)} ({cell.hit_rate.hits} of {cell.hit_rate.runs} hit{elsewhere})"
    return UNKNOWN if cell.per_run is None else f"{UNKNOWN}, from {significant(cell.per_run)}"


def _pricing(cell: CellPlan) -> str:
    return "spot" if cell.cell.spot else "on-demand"


def _markdown(rows: list[tuple[str, ...]], lines: list[str]) -> str:
    aligned = tuple("-:" if header in _NUMBERS else ":-" for header in _HEADERS)
    table = [_HEADERS, aligned, *(tuple(escape_markdown(one_line(cell)) for cell in row) for row in rows)]
    written = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([*written, "", *(f"- {escape_markdown(one_line(line))}" for line in lines)]) + "\n"


def _exact(amount: Decimal | None) -> str | None:
    """To a millionth: what is estimated is not known any better, and no price has more digits."""
    return None if amount is None else format(round(amount, 6).normalize(), "f")
