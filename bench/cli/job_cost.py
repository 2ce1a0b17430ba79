"""The cost of a job on this machine in words: before it starts, and phase by phase when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bench.text import UNKNOWN, plural, significant

if TYPE_CHECKING:
    from bench.record.documents import LeaseClosed, LeaseOpened, Phase
    from bench.sweep.planning.job import JobForecast


def forecast_lines(forecast: JobForecast, opened: LeaseOpened, recipes: Sequence[str], runs: int) -> Iterator[str]:
    """`name: value` for what the job is, its seconds and its cost."""
    gpus = f" on {opened.accelerators.count} x {opened.accelerators.name}" if opened.accelerators else ""
    yield f"job: {plural(runs, 'run')} each of {', '.join(recipes)}{gpus}"
    time = forecast.time
    yield "seconds: " + (
        f"{time.expected:.0f}, at most {time.upper:.0f}, from the start of the lease ({time.basis}); "
        f"{forecast.so_far:.0f} are over"
        if time
        else f"{UNKNOWN}; {forecast.so_far:.0f} are over"
    )
    cost, most = forecast.cost, forecast.most
    if cost and most and cost.amount is not None and most.amount is not None:
        yield f"cost: {_money(cost.amount, cost.currency)}, at most {_money(most.amount, most.currency)}"
        if cost.unpriced:
            yield f"unpriced, and on top: {', '.join(cost.unpriced)}"
    else:
        yield f"cost: {UNKNOWN} ({forecast.why})"


def cost_table(opened: LeaseOpened, closed: LeaseClosed, run_phases: Iterable[Phase], idle_minutes: int | None) -> str:
    """The phases of the lease, their seconds and what they cost."""
    from bench.billing.cost import train_cost
    from bench.billing.estimate import lease_cost
    from bench.billing.phases import phase_costs
    from bench.billing.prices import machine_hourly
    from bench.table import table_of

    rows, estimate = phase_costs(opened, closed, run_phases), lease_cost(opened, closed)
    hourly = machine_hourly(opened.price, opened.accelerators)
    currency = opened.price.currency if opened.price else "USD"
    paid = sum((row.amount for row in rows if row.amount is not None), Decimal(0))
    whole = _money(paid if hourly is not None else None, currency)
    notes = [f"all: {sum(row.seconds for row in rows):.0f} s, {whole}"]
    if opened.price is None:
        notes.append(f"{UNKNOWN}: no price; give --price-per-hour or --instance")
    elif estimate.rule is None:
        notes.append(f"no billing rule known for {opened.provider}: time x price")
    else:
        notes.append(f"{opened.provider} charges {estimate.rule.words}")
    if idle_minutes is not None:
        idle = train_cost(60 * idle_minutes, hourly)
        notes.append(f"until it is given back: {plural(idle_minutes, 'idle minute')}, {_money(idle, currency)}")
    cells = [
        (
            row.name,
            f"{row.seconds:.1f}",
            f"{row.charged:.1f}",
            UNKNOWN if row.amount is None else significant(row.amount),
        )
        for row in rows
    ]
    return table_of(("phase", "seconds", "charged", currency), cells, notes).as_text()


def _money(amount: Decimal | None, currency: str | None) -> str:
    return UNKNOWN if amount is None else f"{significant(amount)} {currency}"
