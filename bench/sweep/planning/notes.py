"""What stands below a plan's table: the total, the bounds, where times come from, what the dollars leave out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from bench.billing.prices import Offer
from bench.sweep.planning.duration import PROVISION, SETUP, START, Duration
from bench.sweep.planning.peaks import EXPECTED, LEAST
from bench.sweep.planning.plan import CURRENCY, Plan
from bench.text import UNKNOWN, plural, significant


def notes(plan: Plan, today: date | None) -> Iterator[str]:
    """A line each, the total first; prices seen more than 30 days before `today` are stale, where it is given."""
    yield _total(plan)
    sweep = plan.sweep
    if sweep.max_cost is not None:
        yield f"max_cost {sweep.max_cost:.2f} {CURRENCY}: {_kept(plan.keeps_cost, 'what a cell costs')}"
    if sweep.max_duration is not None:
        hours = sweep.max_duration.total_seconds() / 3600
        yield f"max_duration {hours:g} h, all cells side by side: {_kept(plan.keeps_duration, 'the time of a cell')}"
    yield from (f"{cell.cell.name}: {cell.why}" for cell in plan.cells if cell.why)
    yield from _times(plan)
    yield from _parts(plan)
    yield from _successes(plan)
    if any(cell.offer and is_stale(cell.offer, today) for cell in plan.cells):
        yield "stale: seen more than 30 days ago"


def is_stale(offer: Offer, today: date | None) -> bool:
    """Whether to say that a price is old."""
    return today is not None and offer.stale(today)


def three_digits(amount: Decimal | float | None) -> str:
    """To three significant digits; None is unknown."""
    return UNKNOWN if amount is None else significant(amount)


def _kept(kept: bool | None, needed: str) -> str:
    """Whether a bound is kept, by the upper bound of the plan; None where `needed` is unknown."""
    if kept is None:
        return f"cannot be checked: {needed} is unknown"
    return f"{'kept' if kept else 'NOT kept'} by the upper bound"


def _total(plan: Plan) -> str:
    sweep = plan.sweep
    total = f"{sweep.name}: {plural(sweep.runs, 'run')} each of {', '.join(sweep.recipes)}, "
    total += f"{plural(len(plan.cells), 'machine')}; total "
    if plan.dollars is None:
        return f"{total}{UNKNOWN}"
    total += f"{'at least ' if plan.unknown else ''}{three_digits(plan.dollars)} {CURRENCY}"
    total += f", upper bound {three_digits(plan.most_dollars)} {CURRENCY}"
    if plan.unknown:
        total += f", and what {plan.unknown} of them cost is unknown and not in it"
    return total


def _times(plan: Plan) -> Iterator[str]:
    times = [cell.time for cell in plan.cells if cell.time]
    if not times:
        return
    runs = [recipe.run for time in times for recipe in time.recipes]
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
        f"a recipe's start: {_stretch([recipe.start for time in times for recipe in time.recipes], START)}, "
        "where assumed a warm-up run on top"
    )


def _stretch(durations: list[Duration], usual: Duration) -> str:
    """How the same stretch of all cells is known."""
    bases = sorted({duration.words for duration in durations if duration.basis == "measured"})
    if any(duration.basis == "assumed" for duration in durations):
        bases.append(f"assumed {usual.expected / 60:g} min, at most {usual.upper / 60:g}")
    return "; ".join(bases)


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
