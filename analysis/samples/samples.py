"""What a whole run of a sampled program would take and cost, one row per machine and price.

start-up + rate x steps, after waiting and set-up; then the provider's billing rule
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from analysis.samples.rate import Rate, rate_of
from analysis.stats import Interval
from bench.billing import lease_cost, machine_hourly, train_cost
from bench.record.documents import LeaseClosed, LeaseOpened, Run, run_key
from bench.store import Store, read_each
from bench.text import one_line, plural

_WAITING, _SET_UP = ("provision",), ("setup", "pull", "data")


def sampled_programs(stores: Iterable[Store], frame: pd.DataFrame) -> list[Run]:
    """Every run of the programs of which `frame` (of `runs_frame`) has a sample: samples, and runs to the end.

    A record that cannot be read is left out; who made the frame has named it.
    """
    sampled = frame.loc[frame["ended"] == "sampled", "source_sha256"].unique()
    ids = frame.loc[frame["program"] & frame["source_sha256"].isin(sampled), "run_id"].tolist()
    keys = [run_key(run_id) for run_id in ids]
    runs: dict[str, Run] = {}
    if keys:
        for store in stores:
            runs |= {run.id: run for run in read_each(store, keys) if isinstance(run, Run) and run.id not in runs}
    return list(runs.values())


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """Like samples of a program on like machines at one price. None is unknown; seconds, and money in `currency`.

    `hours` and `cost` are of a whole run, waiting and set-up included where they are known. `what_if_…`: at a price
    that nobody paid, in `what_if_currency`, where one was asked for.
    """

    program: str
    machine: str
    instance: str | None
    price_per_hour: Decimal | None
    currency: str | None
    pricing_category: str | None
    samples: int
    unit: str
    steps: int
    step_s: float
    step_p10_s: float | None
    step_p90_s: float | None
    cost_per_1000_steps: Decimal | None
    start_up_s: float
    set_up_s: float | None
    total_steps: int | None
    hours: float | None
    hours_interval: Interval | None
    cost: Decimal | None
    cost_interval: Interval | None
    step_at_target: int | None
    what_if_price_per_hour: Decimal | None = None
    what_if_currency: str | None = None
    what_if_cost_per_1000_steps: Decimal | None = None
    what_if_cost: Decimal | None = None
    what_if_cost_interval: Interval | None = None
    notes: tuple[str, ...] = ()


def sample_rows(runs: Iterable[Run], leases: Iterable[LeaseOpened], total_steps: int | None = None) -> list[SampleRow]:
    """The rows of the samples among `runs`, by program, machine and price. `total_steps`: in place of the records'."""
    runs = list(runs)
    opened = {lease.id: lease for lease in leases}
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.ended == "sampled" and run.progress:
            groups[_kind(run, opened.get(run.lease_id or ""))].append(run)
    rows = []
    for like in groups.values():
        rate = rate_of(like)
        if rate is not None:
            rows.append(_row(like, rate, opened, total_steps, _step_at_target(like[0], runs)))
    return sorted(rows, key=lambda row: (row.program, row.machine, row.price_per_hour or Decimal(0)))


def _kind(run: Run, lease: LeaseOpened | None) -> tuple[Any, ...]:
    assert run.program
    assert run.progress
    price = lease.price if lease else None
    return (
        run.program.name,
        run.program.command_sha256,
        run.device.alike,
        run.device_name,
        run.progress.unit,
        (lease.provider, lease.instance_type, machine_hourly(price, lease.accelerators)) if lease else None,
        (price.currency, price.pricing_category) if price else None,
    )


def _row(
    like: Sequence[Run], rate: Rate, opened: dict[str, LeaseOpened], given: int | None, at_target: int | None
) -> SampleRow:
    first = like[0]
    assert first.progress
    lease = opened.get(first.lease_id or "")
    hourly = machine_hourly(lease.price, lease.accelerators) if lease else None
    total = given or next((run.progress.total_steps for run in like if run.progress and run.progress.total_steps), None)
    set_up = _set_up([opened[run.lease_id] for run in like if run.lease_id in opened])
    whole = [_whole(rate, seconds, total, set_up) for seconds in _rate_and_ends(rate)]
    costs = [_cost(lease, seconds, hourly) for seconds in whole]
    percentiles = [run.progress.step_seconds for run in like if run.progress and run.progress.step_seconds]
    device = first.device
    return SampleRow(
        program=one_line(first.label),
        machine=one_line(first.device_name if device.count == 1 else f"{device.count} x {first.device_name}"),
        instance=one_line(f"{lease.provider}:{lease.instance_type}") if lease and lease.instance_type else None,
        price_per_hour=hourly,
        currency=lease.price.currency if lease and lease.price else None,
        pricing_category=lease.price.pricing_category if lease and lease.price else None,
        samples=len(like),
        unit=first.progress.unit,
        steps=rate.steps,
        step_s=rate.seconds,
        step_p10_s=statistics.median(each.p10 for each in percentiles) if percentiles else None,
        step_p90_s=statistics.median(each.p90 for each in percentiles) if percentiles else None,
        cost_per_1000_steps=train_cost(1000 * rate.seconds, hourly),
        start_up_s=rate.start_up,
        set_up_s=set_up,
        total_steps=total,
        hours=None if whole[0] is None else whole[0] / 3600,
        hours_interval=_interval([None if each is None else each / 3600 for each in whole[1:]]),
        cost=costs[0],
        cost_interval=_interval([None if cost is None else float(cost) for cost in costs[1:]]),
        step_at_target=at_target,
        notes=tuple(_notes(like, rate, lease, set_up, total)),
    )


def _rate_and_ends(rate: Rate) -> list[float | None]:
    """Seconds a step: the rate, and the ends of its interval; None where there is none."""
    ends = [rate.interval.low, rate.interval.high] if rate.interval else [None, None]
    return [rate.seconds, *ends]


def _whole(rate: Rate, seconds: float | None, total: int | None, set_up: float | None) -> float | None:
    if seconds is None or total is None:
        return None
    return (set_up or 0.0) + rate.start_up + seconds * total


def _set_up(leases: Sequence[LeaseOpened]) -> float | None:
    """Waiting and set-up of a machine, s, the mean of the leases; None where none of them knows."""
    known = [
        sum(phase.seconds for phase in lease.phases if phase.name in (*_WAITING, *_SET_UP))
        for lease in {lease.id: lease for lease in leases}.values()
        if lease.phases
    ]
    return statistics.fmean(known) if known else None


def _cost(lease: LeaseOpened | None, seconds: float | None, hourly: Decimal | None) -> Decimal | None:
    """What a lease of so many seconds costs: by the provider's rule, or where none is known time x price."""
    if lease is None or seconds is None:
        return None
    stopped = lease.started + timedelta(seconds=seconds)
    estimate = lease_cost(lease, LeaseClosed(id=lease.id, stopped=stopped, stopped_source="provider"))
    return estimate.amount if estimate.rule else train_cost(seconds, hourly)


def _interval(ends: Sequence[float | None]) -> Interval | None:
    low, high = ends
    return None if low is None or high is None else Interval(low, high, "block bootstrap")


def _step_at_target(sample: Run, runs: Sequence[Run]) -> int | None:
    """The median step at which whole runs of the same command, or the samples, were first at the target."""
    assert sample.program
    hits = [
        run.first_hit.step
        for run in runs
        if run.program
        and run.program.command_sha256 == sample.program.command_sha256
        and run.target == sample.target
        and run.first_hit
        and run.first_hit.step is not None
    ]
    return round(statistics.median(hits)) if hits else None


def _notes(
    like: Sequence[Run], rate: Rate, lease: LeaseOpened | None, set_up: float | None, total: int | None
) -> Iterable[str]:
    if rate.too_few:
        yield rate.too_few
    # Without a target nothing tells an evaluation from training, and nobody asked for one.
    evaluated = any(run.target and run.evaluations for run in like) or any(
        phase.name in ("evaluate", "final_evaluate") for run in like for phase in run.phases
    )
    if any(run.target for run in like) and not evaluated:
        yield "no evaluation was seen in the sample: the rate may lack pauses for evaluations and checkpoints"
    if total is None:
        yield "the total number of steps is unknown: give --total-steps"
    if set_up is None:
        yield "waiting and set-up of the machine are unknown and not included"
    if lease is None or lease.price is None:
        yield "no price: give bench exec --instance or --price-per-hour"
    if len(like) > 1:
        yield f"{plural(len(like), 'sample')} combined"
