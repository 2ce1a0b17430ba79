"""The time of a program on a GPU and in a sweep, according to its samples or whole runs.

    seconds of a run = start-up + seconds a step x steps

A run is whole, or a sample of `steps`; what the whole would take is told of a sample, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.billing.prices import SECONDS_PER_HOUR, Offer
from bench.sweep.planning.duration import PROVISION, SETUP, CellTime, Duration, RecipeTime, measured
from bench.sweep.planning.history import History, ProgramTime, same_gpu
from bench.sweep.planning.phases import CURRENCY, exact, planned_cost, three_digits
from bench.sweep.spec import Sweep
from bench.sweep.task_file import Task
from bench.text import plural


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
