"""What runs on the machine that is already rented will take and cost, from the start of its lease to its end.

so far + for each recipe (start + runs x a run) + idle time until the machine is given back
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bench.billing.estimate import Estimate, lease_cost
from bench.record.documents import LeaseClosed, LeaseOpened
from bench.sweep.planning.duration import CellTime, Duration, time_of_cell
from bench.sweep.planning.history import History


@dataclass(frozen=True)
class JobForecast:
    """Seconds of the lease and their cost, expected and at most; `so_far` of them are over.

    `time` is None where it is unknown, and so are the costs then; `why` says why.
    """

    so_far: float
    time: CellTime | None = None
    cost: Estimate | None = None
    most: Estimate | None = None
    why: str | None = None


def forecast(
    opened: LeaseOpened, recipes: Sequence[str], runs: int, ranks: int, history: History, idle_s: float, now: datetime
) -> JobForecast:
    """What `runs` of each of `recipes` on `ranks` GPUs will make of the lease, which began in the past."""
    so_far = max(0.0, (now - opened.started).total_seconds())
    if opened.accelerators is None:
        return JobForecast(so_far, why="no GPU of this machine is known, and without one no time is extrapolated")
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
