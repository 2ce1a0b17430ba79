"""The lines below a plan: its total and limits, what is unknown and why, and how everything else is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from analysis.words import UNKNOWN
from analysis.words import three as three_digits
from bench.billing.offers.quote import Quote
from bench.cloud.sweep.estimate import PROVISION, SETUP, START, Length
from bench.cloud.sweep.peaks import EXPECTED, LEAST
from bench.cloud.sweep.plan import CURRENCY, Plan

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
    if any(cell.quote and is_stale(cell.quote, today) for cell in plan.cells):
        yield "stale: seen more than 30 days ago"


def is_stale(quote: Quote, today: date | None) -> bool:
    """Whether to say that a price is old."""
    return today is not None and quote.stale(today)


def sources(plan: Plan) -> dict[str, int]:
    """Where the prices were read, numbered from 1."""
    named = dict.fromkeys(cell.quote.source for cell in plan.cells if cell.quote)
    return {name: number for number, name in enumerate(named, 1)}


def three(amount: Decimal | float | None) -> str:
    """To three significant digits; None is unknown."""
    return UNKNOWN if amount is None else three_digits(amount)


def _total(plan: Plan) -> str:
    sweep = plan.sweep
    said = f"{sweep.name}: {sweep.runs} run{'s' * (sweep.runs > 1)} each of {', '.join(sweep.recipes)}, "
    said += f"{len(plan.cells)} machine{'s' * (len(plan.cells) > 1)}; total "
    if plan.dollars is None:
        return f"{said}{UNKNOWN}"
    said += f"{'at least ' if plan.unknown else ''}{three(plan.dollars)} {CURRENCY}"
    said += f", upper bound {three(plan.most_dollars)} {CURRENCY}"
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


def _stretch(lengths: list[Length], usual: Length) -> str:
    """How the same stretch of all cells is known."""
    said = sorted({length.words for length in lengths if length.basis == "measured"})
    if any(length.basis == "assumed" for length in lengths):
        said.append(f"assumed {usual.expected / 60:g} min, at most {usual.upper / 60:g}")
    return "; ".join(said)


def _parts(plan: Plan) -> Iterator[str]:
    """What the dollars leave out, and by which rule the machine is charged."""
    for provider, parts in sorted(
        {(cell.quote.provider, cell.cost.unpriced) for cell in plan.cells if cell.quote and cell.cost}
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
    if any(cell.per_success is not None and cell.tries and cell.tries.elsewhere for cell in plan.cells):
        yield "*: the rate of runs on other machines, as none on this GPU is recorded"
    if any(cell.per_success is None and cell.per_run is not None for cell in plan.cells):
        yield "unknown, from: no recorded run tells how many hit; a success costs that of a run at least"
