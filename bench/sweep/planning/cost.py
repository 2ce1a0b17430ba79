"""The lease of a future cell: its phases waiting, set-up, runs and idle, with the time and cost of each.

The runs of a program take what its samples or whole runs say:

    seconds of a run = start-up + seconds a step x steps

A run is whole, or a sample of `steps`; what the whole would take is told of a sample, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.billing import (
    BESIDE,
    BY_RULE,
    SECONDS_PER_HOUR,
    Amount,
    Estimate,
    Offer,
    PartCost,
    Usage,
    lease_cost,
    phase_costs,
    train_cost,
)
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, PhaseName
from bench.sweep.planning.duration import (
    PROVISION,
    SETUP,
    CellTime,
    Duration,
    History,
    ProgramTime,
    RecipeTime,
    measured,
    same_gpu,
)
from bench.sweep.spec import Sweep
from bench.sweep.task_file import Task
from bench.text import NOT_APPLICABLE, UNKNOWN, Table, plural, significant, table_of

CURRENCY = "USD"
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # arbitrary: only lengths count
# The phases of a cell as a lease's record and as people call them; all that a recipe does is its runs.
_PHASES: dict[PhaseName, str] = {"provision": "waiting", "setup": "set-up", "train": "runs", "idle": "idle"}


@dataclass(frozen=True)
class CellPhase:
    """One phase of a cell: its seconds and USD, expected and at most. None: no price is known."""

    name: str
    seconds: float
    most_s: float
    dollars: Decimal | None
    most_dollars: Decimal | None


def planned_cost(offer: Offer, time: CellTime, disk_gb: Decimal | None, *, upper: bool, machines: int = 1) -> Estimate:
    """What the lease of `offer` would cost, for that many `machines` of equal price and disk together.

    Without a known rule: time x price, and at most its started hours. No known rule charges more than a started hour.
    """
    whole = time.upper if upper else time.expected
    cost = lease_cost(
        *_lease(offer, time, upper=upper), usage=Usage(disk_gb=disk_gb and disk_gb * machines, addresses=machines)
    )
    if cost.rule is not None or offer.hourly is None:
        return cost
    seconds = math.ceil(whole / SECONDS_PER_HOUR) * SECONDS_PER_HOUR if upper else whole
    amount = train_cost(seconds, offer.hourly)
    assert amount is not None  # both are known
    beside = (PartCost(part, None, "no price known") for part in BESIDE)
    parts = (PartCost("machine", Amount(amount, CURRENCY)), *beside)
    return replace(cost, amount=amount, currency=CURRENCY, parts=parts, why=None, notes=(cost.why or "",))


def cell_phases(offer: Offer | None, time: CellTime) -> tuple[CellPhase, ...]:
    """The phases of a cell on the machine of `offer`, in order; None: no machine has a price.

    The last, `BY_RULE`, has no seconds: what the provider charges beyond those of the others.
    """
    expected, most = (_seconds(time, upper=upper) for upper in (False, True))
    if offer is None:
        return tuple(CellPhase(label, expected[name], most[name], None, None) for name, label in _PHASES.items())
    charged, bound = (_charges(offer, time, upper=upper) for upper in (False, True))
    rows = [
        CellPhase(label, expected[name], most[name], charged.get(name), bound.get(name))
        for name, label in _PHASES.items()
    ]
    return (*rows, CellPhase(BY_RULE, 0.0, 0.0, charged.get(BY_RULE, Decimal(0)), bound.get(BY_RULE, Decimal(0))))


def phase_record(phases: Sequence[CellPhase]) -> dict[str, Any]:
    """Seconds and USD of each phase, expected and at most, for programs; null where unknown."""
    known = {phase.name: phase for phase in phases}
    record: dict[str, Any] = {}
    for name in (*_PHASES.values(), BY_RULE):
        phase, key = known.get(name), name.replace("-", "")
        if name != BY_RULE:
            record[f"{key}_s"] = round(phase.seconds, 3) if phase else None
            record[f"{key}_s_at_most"] = round(phase.most_s, 3) if phase else None
        record[f"{key}_dollars"] = exact(phase.dollars) if phase else None
        record[f"{key}_dollars_at_most"] = exact(phase.most_dollars) if phase else None
    return record


def exact(amount: Decimal | None) -> str | None:
    """Rounded to a millionth: estimates are no more accurate, and no price has more digits."""
    return None if amount is None else format(round(amount, 6).normalize(), "f")


def three_digits(amount: Decimal | float | None) -> str:
    """To three significant digits; None is unknown."""
    return UNKNOWN if amount is None else significant(amount)


def phase_table(cells: Sequence[tuple[str, tuple[CellPhase, ...]]]) -> Table[Any]:
    """A row per cell: expected minutes and USD of each phase; of idle time, which is not expected, the maximum."""
    columns = (*_PHASES.values(), BY_RULE)
    rows = []
    for name, phases in cells:
        known = {phase.name: phase for phase in phases}
        rows.append((name, *(_words(known.get(column)) for column in columns)))
    notes = [
        "idle: an upper bound; the machine is given back after it",
        "rule: charged beyond the time used, such as a minimum",
    ]
    return table_of(("cell", *(f"{column}, {CURRENCY}" for column in columns)), rows, notes)


def _words(phase: CellPhase | None) -> str:
    if phase is None:
        return NOT_APPLICABLE
    if phase.name == BY_RULE:
        return three_digits(phase.dollars)
    idle = phase.name == "idle"
    seconds, dollars = (phase.most_s, phase.most_dollars) if idle else (phase.seconds, phase.dollars)
    return f"{significant(seconds / 60)} min, {three_digits(dollars)}"


def _seconds(time: CellTime, *, upper: bool) -> dict[PhaseName, float]:
    if not upper:
        before = time.provision.expected + time.setup.expected
        lengths = (time.provision.expected, time.setup.expected, time.expected - before, 0.0)
    else:
        before = time.provision.upper + time.setup.upper
        lengths = (time.provision.upper, time.setup.upper, time.upper - before - time.idle_s, time.idle_s)
    return dict(zip(_PHASES, lengths, strict=True))


def _charges(offer: Offer, time: CellTime, *, upper: bool) -> dict[str, Decimal | None]:
    """What each phase costs, by its name in a lease's record."""
    return {row.name: row.amount for row in phase_costs(*_lease(offer, time, upper=upper), ())}


def _lease(offer: Offer, time: CellTime, *, upper: bool) -> tuple[LeaseOpened, LeaseClosed]:
    """The lease as it would be, with all its phases."""
    opened = LeaseOpened(
        provider=offer.provider,
        instance_type=offer.instance_type,
        price=offer.price,
        started=_BEGINNING,
        accelerators=offer.accelerators,
        phases=tuple(_laid_out(_seconds(time, upper=upper))),
    )
    stopped = _BEGINNING + timedelta(seconds=time.upper if upper else time.expected)
    return opened, LeaseClosed(stopped=stopped, stopped_source="provider")


def _laid_out(lengths: dict[PhaseName, float]) -> Iterator[Phase]:
    """The phases, one after another."""
    start = 0.0
    for name, seconds in lengths.items():
        yield Phase(name=name, start=start, stop=start + max(seconds, 0.0))
        start += max(seconds, 0.0)


@dataclass(frozen=True)
class WholeRun:
    """A run to the end, of `steps`, on a machine rented for it: hours and USD, waiting and set-up included.

    Each is what is expected and the ends of an interval, or that alone where the sample is too small for one. `dollars`
    is empty where there is no price.
    """

    steps: int
    hours: tuple[float, ...]
    dollars: tuple[Decimal, ...]
    samples: int


def programs_of(sweep: Sweep, history: History) -> list[ProgramTime]:
    """What is known about the sweep's task in its current version."""
    task = sweep.task_sha256
    return [each for each in history.programs if each.task_sha256 == task]


def program_on(gpu: str | None, count: int, known: Sequence[ProgramTime]) -> ProgramTime | None:
    """The entry of `known` for `count` of exactly this GPU."""
    return next((each for each in known if gpu and each.count == count and same_gpu(gpu, each.gpu)), None)


def time_of_program(
    sweep: Sweep, seen: ProgramTime | None, provider: str, history: History, idle_s: float
) -> CellTime | str:
    """The time of the sweep's runs of its task in a cell, or why it is unknown."""
    program = sweep.program or ""
    if seen is None:
        return f"the duration of {program} cannot be predicted; a sweep with `steps` samples it"
    steps = sweep.steps or sweep.total_steps or seen.total_steps
    if sweep.steps is None and (whole := measured(seen.whole)):
        run = whole
    elif steps is None:
        return f"{program} was sampled, but the number of steps of a whole run is unknown: give total_steps"
    else:
        run = _run(seen, seen.step, steps)
    return _cell_time(program, run, sweep.runs, provider, history, idle_s)


def whole_run(
    sweep: Sweep, seen: ProgramTime | None, offer: Offer | None, provider: str, history: History, task: Task
) -> WholeRun | None:
    """Time and cost of a run to the end, from samples; None without samples or without the total number of steps."""
    if seen is None:
        return None
    total = sweep.total_steps or seen.total_steps
    if total is None:
        return None
    ends = [seen.least_step, seen.most_step] if seen.most_step is not None else []
    times = [
        _cell_time("", _run(seen, step, total), 1, provider, history, 0.0)
        for step in (seen.step, *ends)
        if step is not None
    ]
    costs = [
        planned_cost(offer, time, task.disk_gb, upper=False, machines=task.nodes).amount for time in times if offer
    ]
    return WholeRun(
        total,
        tuple(time.expected / SECONDS_PER_HOUR for time in times),
        tuple(cost for cost in costs if cost is not None),
        seen.runs,
    )


def _run(seen: ProgramTime, step: float, steps: int) -> Duration:
    """A run of that many steps of `step` seconds; at most with the slow end of its interval."""
    slowest = seen.most_step if seen.most_step is not None else max(step, seen.slow_step or step)
    return Duration(seen.start_up + step * steps, seen.start_up + slowest * steps, "sampled", seen.runs)


def _cell_time(program: str, run: Duration, runs: int, provider: str, history: History, idle_s: float) -> CellTime:
    """The start-up is part of each run of a program, and paid with it."""
    nothing = Duration(0.0, 0.0, run.basis, run.n)
    return CellTime(
        measured(history.provision(provider)) or PROVISION,
        measured(history.setup(provider)) or SETUP,
        (RecipeTime(program, nothing, run),),
        runs,
        idle_s,
    )


def whole_words(whole: WholeRun) -> str:
    """Time and cost of a run to the end, with an interval if there is one."""
    words = f"to the end, {whole.steps:,} steps: {_between(whole.hours)} h"
    if whole.dollars:
        words += f" and {_between(whole.dollars)} {CURRENCY}"
    return f"{words} on a machine of its own, by {plural(whole.samples, 'run')} of it"


def _between(values: Sequence[float | Decimal]) -> str:
    expected, *ends = map(three_digits, values)
    return f"{expected} [{', '.join(ends)}]" if ends else expected


def whole_record(whole: WholeRun | None) -> dict[str, Any]:
    """Time of a run to the end, and the ends of its interval; null if unknown."""
    hours = (*(whole.hours if whole else ()), None, None, None)
    dollars = (*(whole.dollars if whole else ()), None, None, None)
    return {
        "whole_steps": whole.steps if whole else None,
        "whole_hours": hours[0],
        "whole_hours_low": hours[1],
        "whole_hours_high": hours[2],
        "whole_dollars": exact(dollars[0]),
        "whole_dollars_low": exact(dollars[1]),
        "whole_dollars_high": exact(dollars[2]),
    }
