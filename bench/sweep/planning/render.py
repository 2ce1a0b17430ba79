"""A plan for people, as a table or Markdown with notes, and for programs, as CSV and JSON. Unknown is never 0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing import Offer
from bench.sweep.planning.cost import (
    CURRENCY,
    exact,
    phase_record,
    phase_table,
    three_digits,
    whole_record,
    whole_words,
)
from bench.sweep.planning.duration import PROVISION, SETUP, START, Duration
from bench.sweep.planning.peaks import EXPECTED, LEAST
from bench.sweep.planning.plan import CellPlan, Plan
from bench.text import NOT_APPLICABLE, UNKNOWN, Column, Table, plural, table_of


def notes(plan: Plan, today: date | None) -> Iterator[str]:
    """The notes, a line each, the total first; prices seen more than 30 days before `today`, if given, are stale."""
    yield _total(plan)
    sweep = plan.sweep
    for name, meant in plan.misspelt.items():
        yield f"envs: {name} is no variable of bench, which ignores it; did you mean {meant}?"
    if sweep.max_cost is not None:
        yield f"max_cost {sweep.max_cost:.2f} {CURRENCY}: {_kept(plan.keeps_cost, 'what a cell costs')}"
    if sweep.max_duration is not None:
        hours = sweep.max_duration.total_seconds() / 3600
        how = f"{sweep.parallel} at once" if sweep.parallel else "all cells side by side"
        yield f"max_duration {hours:g} h, {how}: {_kept(plan.keeps_duration, 'the time of a cell')}"
    yield from (f"{cell.cell.name}: {cell.why}" for cell in plan.cells if cell.why)
    yield from _bounds(plan)
    yield from (f"{cell.cell.name}: {whole_words(cell.whole)}" for cell in plan.cells if cell.whole)
    yield from _times(plan)
    yield from _parts(plan)
    yield from _successes(plan)
    if any(cell.offer and is_stale(cell.offer, today) for cell in plan.cells):
        yield "stale: seen more than 30 days ago"


def _bounds(plan: Plan) -> Iterator[str]:
    """Which prices the upper bounds refer to: without capacity for a machine, SkyPilot rents the next."""
    for cell in plan.cells:
        if cell.most and cell.dollars is not None and cell.most.why:
            yield f"{cell.cell.name}: no upper bound: {cell.most.why}"
        if cell.dearest and cell.dearest != cell.offer and cell.most_dollars is not None:
            machine = f"{cell.dearest.provider}:{cell.dearest.instance_type}"
            hourly = f"{cell.dearest.hourly} {CURRENCY}/h of {cell.dearest.seen}"
            yield f"{cell.cell.name}: at most that of {machine}, {hourly}, if others have no capacity"


def is_stale(offer: Offer, today: date | None) -> bool:
    """Whether to say that a price is old."""
    return today is not None and offer.stale(today)


def _kept(kept: bool | None, needed: str) -> str:
    """Whether a limit holds, by the upper bound of the plan; None if `needed` is unknown."""
    if kept is None:
        return f"cannot be checked: {needed} is unknown"
    return f"{'kept' if kept else 'NOT kept'} by the upper bound"


def _total(plan: Plan) -> str:
    sweep = plan.sweep
    total = f"{sweep.name}: {plural(sweep.runs, 'run')} each of {', '.join(sweep.names)}, "
    total += f"{plural(len(plan.cells), 'machine')}; total "
    if plan.dollars is None:
        return f"{total}{UNKNOWN}"
    total += f"{'at least ' if plan.unknown else ''}{three_digits(plan.dollars)} {CURRENCY}"
    most = UNKNOWN if plan.most_dollars is None else f"{three_digits(plan.most_dollars)} {CURRENCY}"
    total += f", upper bound {most}"
    if plan.unknown:
        total += f"; the cost of {plan.unknown} of them is unknown and not included"
    return total


def _times(plan: Plan) -> Iterator[str]:
    times = [cell.time for cell in plan.cells if cell.time]
    if not times:
        return
    runs = [recipe.run for time in times for recipe in time.recipes]
    if any(run.basis == "measured" for run in runs):
        yield "measured: the median of the recorded runs on the same GPU, with the slowest as the upper bound"
    if any(run.basis == "extrapolated" for run in runs):
        yield (
            f"extrapolated: the recipe's TFLOP at {EXPECTED:.0%} of the GPU's peak, at most at {LEAST:.0%}; less of it "
            "on GPUs whose memory is slow for the arithmetic"
        )
    if any(run.basis == "sampled" for run in runs):
        yield (
            "sampled: start-up + seconds per step x steps; upper bound from the slow end of the interval or, without "
            "one, from the 90th percentile of the steps"
        )
    yield f"waiting for a machine: {_stretch([time.provision for time in times], PROVISION)}"
    yield f"set-up: {_stretch([time.setup for time in times], SETUP)}"
    if plan.sweep.program:
        return
    yield (
        f"a recipe's start: {_stretch([recipe.start for time in times for recipe in time.recipes], START)}, "
        "plus a warm-up run if assumed"
    )


def _stretch(durations: list[Duration], usual: Duration) -> str:
    """How the same part of all cells is known."""
    bases = sorted({duration.words for duration in durations if duration.basis == "measured"})
    if any(duration.basis == "assumed" for duration in durations):
        bases.append(f"assumed {usual.expected / 60:g} min, at most {usual.upper / 60:g}")
    return "; ".join(bases)


def _parts(plan: Plan) -> Iterator[str]:
    """What the dollars do not include, and the billing rule of the machine."""
    for provider, parts in sorted(
        {(cell.offer.provider, cell.cost.unpriced) for cell in plan.cells if cell.offer and cell.cost}
    ):
        if parts:
            yield f"unpriced at {provider} and not included: {', '.join(parts)}"
    without = {cell.offer.provider for cell in plan.cells if cell.offer and cell.cost and not cell.cost.rule}
    yield from (f"no billing rule known for {provider}: time x price" for provider in sorted(without))
    rules = {cell.cost.rule for cell in plan.cells if cell.cost and cell.cost.rule}
    for rule in sorted(rules, key=lambda rule: (rule.provider, rule.category)):
        kind = "spot" if rule.category == "Dynamic" else "on-demand"
        yield f"{rule.provider} charges {kind} machines {rule.words}"
    if any(cell.cell.spot for cell in plan.cells):
        yield "spot: work repeated after a preemption is not counted"


def _successes(plan: Plan) -> Iterator[str]:
    if len(plan.sweep.recipes) > 1:
        yield "USD per success: none, since several recipes share a machine"
        return
    yield "USD per success: the dollars of the machine / the expected hits, at the hit rate of the recorded runs"
    if any(cell.per_success is not None and cell.hit_rate and cell.hit_rate.elsewhere for cell in plan.cells):
        yield "*: the hit rate of runs on other machines, since none on this GPU is recorded"
    if any(cell.per_success is None and cell.per_run is not None for cell in plan.cells):
        yield "unknown, from: no recorded runs to estimate the hit rate; a success costs at least as much as a run"


def render(plan: Plan, style: str, today: date, *, terminal: bool) -> str:
    """`plan` as `table`, `markdown`, `csv` or `json`; prices seen more than 30 days before `today` are stale.

    Markdown leaves that out: it is kept and read on another day, and the day of each price stands in it.
    """
    if style == "json":
        return json.dumps(_content(plan, today), indent=1) + "\n"
    if style == "csv":
        records = [_record(cell, today) for cell in plan.cells]
        return table_of(records[0], [tuple(record.values()) for record in records]).as_csv()
    phases = phase_table([(cell.cell.name, cell.phases) for cell in plan.cells])
    if style == "markdown":
        return f"{plan_table(plan, None).as_markdown()}\n{phases.as_markdown()}"
    tables = (plan_table(plan, today), phases)
    return "\n".join(table.as_text(terminal=terminal, fit=False) for table in tables)


def plan_table(plan: Plan, today: date | None) -> Table[CellPlan]:
    """A row per cell; prices seen more than 30 days before `today`, if given, are stale."""
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
        "nodes": cell.nodes,
        "pricing": _pricing(cell),
        "per_hour": exact(offer.hourly) if offer else None,
        "currency": offer.currency if offer else None,
        "price_source": offer.source if offer else None,
        "price_seen": (offer.seen_at or offer.seen).isoformat() if offer else None,
        "price_stale": offer.stale(today) if offer else None,
        "billing_rule": cost.rule.words if cost and cost.rule else None,
        "runs": cell.runs,
        "time_known_by": time.basis if time else None,
        "seconds": round(time.expected, 3) if time else None,
        "seconds_at_most": None if cell.most_s is None else round(cell.most_s, 3),
        "dollars": exact(cell.dollars),
        "dollars_at_most": exact(cell.most_dollars),
        "parts_priced": list(cost.priced) if cost else [],
        "parts_unpriced": list(cost.unpriced) if cost else [],
        "hits": hit_rate.hits if hit_rate else None,
        "tries": hit_rate.runs if hit_rate else None,
        "tries_elsewhere": hit_rate.elsewhere if hit_rate else None,
        **phase_record(cell.phases),
        "dollars_per_run": exact(cell.per_run),
        "dollars_per_success": exact(cell.per_success),
        **whole_record(cell.whole),
        "unknown_because": cell.why,
    }


def _content(plan: Plan, today: date) -> dict[str, Any]:
    sweep = plan.sweep
    return {
        "schema_version": 1,
        "sweep": sweep.name,
        "recipes": list(sweep.names),
        "cells": [{**_record(cell, today), "parts_of_time": _parts_of_time(cell)} for cell in plan.cells],
        "total": {
            "dollars": exact(plan.dollars),
            "dollars_at_most": exact(plan.most_dollars),
            "currency": CURRENCY,
            "cells_of_unknown_dollars": plan.unknown,
            "seconds": plan.seconds,
            "seconds_at_most": plan.most_seconds,
        },
        "max_cost": exact(sweep.max_cost),
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
    gpus = gpus if cell.nodes == 1 else f"{cell.nodes} nodes of {gpus}"
    return f"{gpus}, {cell.offer.provider}:{cell.offer.instance_type}" if cell.offer else gpus


def _seen(offer: Offer | None, today: date | None) -> str:
    return f"{offer.seen}{', stale' * is_stale(offer, today)}" if offer else NOT_APPLICABLE


def _hours(cell: CellPlan) -> str:
    most = None if cell.most_s is None else cell.most_s / 3600
    return _with_bound(cell.time.expected / 3600, most) if cell.time else UNKNOWN


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
