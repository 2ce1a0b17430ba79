"""How a command that runs something takes part in the lease of this machine, and what that costs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import click

from bench import variables
from bench.billing import Estimate, lease_cost, machine_hourly, phase_costs, train_cost
from bench.errors import BenchError
from bench.lease import LeaseHandle, preempted
from bench.measure.recording import LeasePart
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, Run, lease_key, utc_now
from bench.store import Store
from bench.sweep.planning.duration import CellTime, Duration, History, time_of_cell
from bench.text import UNKNOWN, plural, significant, table_of


def lease_part(lease: LeaseHandle) -> LeasePart:
    """The part of a call that holds `lease`."""
    return LeasePart(
        lease_id=lease.lease_id,
        opened=lease.opened,
        closes=lease.closes,
        preempted=partial(preempted, os.environ),
        later=lease.later,
    )


def opened_lease(lease: LeaseHandle, store: Store) -> LeaseOpened:
    """The lease's record; one that was open before is read from the store. Raises BenchError where it is not there."""
    opened = lease.opened or store.read(lease_key(lease.lease_id, "opened"))
    assert isinstance(opened, LeaseOpened)  # what has its place there
    return opened


def lease_hourly(lease: LeaseHandle, store: Store) -> tuple[Decimal, str] | None:
    """What an hour of this machine costs, and in what currency."""
    try:
        opened = opened_lease(lease, store)
    except BenchError:
        return None
    hourly = machine_hourly(opened.price, opened.accelerators)
    return (hourly, opened.price.currency) if hourly is not None and opened.price else None


def run_cost_text(run: Run, hourly: tuple[Decimal, str] | None) -> str:
    """What a run cost, to follow its outcome: `, 0.0123 USD`; empty where that is unknown."""
    if hourly is None or not run.phases:
        return ""
    cost = train_cost(run.phases[-1].stop, hourly[0])
    return "" if cost is None else f", {significant(cost)} {hourly[1]}"


@contextmanager
def lease_cost_shown(lease: LeaseHandle, store: Store, *, shown: bool) -> Iterator[list[Phase]]:
    """Print at the end, if `shown`, what the lease cost until then, phase by phase; yields the list of run phases."""
    run_phases: list[Phase] = []
    try:
        yield run_phases
    finally:
        if shown:
            click.echo(_lease_cost_text(lease, store, run_phases), err=True)


def _lease_cost_text(lease: LeaseHandle, store: Store, run_phases: Sequence[Phase]) -> str:
    try:
        opened = opened_lease(lease, store)
    except BenchError as error:
        return f"bench: the cost of the lease is unknown: {error}"
    closed = LeaseClosed(id=lease.lease_id, stopped=utc_now())
    return cost_table(opened, closed, run_phases, variables.IDLE_MINUTES.read(os.environ))


@dataclass(frozen=True)
class JobForecast:
    """Seconds and cost of the lease, expected and at most. `so_far` seconds of it have passed.

    Without a `time` there are no costs either, and `why` says why.
    """

    so_far: float
    time: CellTime | None = None
    cost: Estimate | None = None
    most: Estimate | None = None
    why: str | None = None


def job_forecast(
    opened: LeaseOpened, recipes: Sequence[str], runs: int, ranks: int, history: History, idle_s: float, now: datetime
) -> JobForecast:
    """What `runs` of each of `recipes` on `ranks` GPUs will make of the lease, which began in the past."""
    so_far = max(0.0, (now - opened.started).total_seconds())
    if opened.accelerators is None:
        return JobForecast(so_far, why="no GPU is known for this machine, so no time can be extrapolated")
    time = time_of_cell(recipes, runs, opened.accelerators.name, ranks, opened.provider, history, idle_s)
    if isinstance(time, str):
        return JobForecast(so_far, why=time)
    over, none = Duration(so_far, so_far, "measured"), Duration(0.0, 0.0, "measured")
    time = replace(time, provision=over, setup=none)
    cost, most = (_cost(opened, seconds) for seconds in (time.expected, time.upper))
    return JobForecast(so_far, time, cost, most, cost.why)


def _cost(opened: LeaseOpened, seconds: float) -> Estimate:
    closed = LeaseClosed(id=opened.id, stopped=opened.started + timedelta(seconds=seconds), stopped_source="provider")
    return lease_cost(opened, closed)


def forecast_lines(forecast: JobForecast, opened: LeaseOpened, recipes: Sequence[str], runs: int) -> Iterator[str]:
    """`name: value` for what the job is, its seconds and its cost."""
    gpus = f" on {opened.accelerators.count} x {opened.accelerators.name}" if opened.accelerators else ""
    yield f"job: {plural(runs, 'run')} each of {', '.join(recipes)}{gpus}"
    time = forecast.time
    yield "seconds: " + (
        f"{time.expected:.0f}, at most {time.upper:.0f}, from the start of the lease ({time.basis}); "
        f"{forecast.so_far:.0f} are over"
        if time
        else f"{UNKNOWN}; {forecast.so_far:.0f} have passed"
    )
    cost, most = forecast.cost, forecast.most
    if cost and most and cost.amount is not None and most.amount is not None:
        yield f"cost: {_money(cost.amount, cost.currency)}, at most {_money(most.amount, most.currency)}"
        if cost.unpriced:
            yield f"unpriced and not included: {', '.join(cost.unpriced)}"
    else:
        yield f"cost: {UNKNOWN} ({forecast.why})"


def cost_table(opened: LeaseOpened, closed: LeaseClosed, run_phases: Iterable[Phase], idle_minutes: int | None) -> str:
    """The phases of the lease, their seconds and what they cost."""
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
