"""The runs of two sides by machine: what they say of its type, and of another's, where machines are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.comparison.selection import Side
from analysis.frames.hosts import machine_numbers, machines_of
from analysis.stats.intervals import (
    Interval,
    difference_of_shares,
    paired_ratio,
    ratio_of_estimates,
    ratio_of_medians,
)
from analysis.stats.machines import (
    TYPE_FROM,
    paired_ratio_of_types,
    ratio_of_types,
    ratio_on_machines,
)
from analysis.stats.success import Machines, share, to_first_success
from bench.text import plural


def by_run(side: Side, values: Iterable[Any]) -> pd.Series[float]:
    """The known of `values`, one a run of the side, by series, index and machine, "" where that is not told.

    Runs of two sides are partners where all three are the same.
    """
    runs = side.runs
    keys = pd.MultiIndex.from_arrays(
        [runs["series_id"], runs["series_index"], runs["host_id"].astype(object).fillna("")]
    )
    return pd.Series(list(values), index=keys, dtype="float64").dropna()


def about(side: Side) -> str | None:
    """What the runs of a side say something of, in words; None where that is its type of machine."""
    machines = machines_of(side.runs)
    if machines is None:
        return f"{side.label}: not every run tells its machine; what is said of it is about what ran, not about a type"
    if machines >= TYPE_FROM:
        return None
    ran = plural(machines, "machine")
    return f"{side.label} ran on {ran}: what is said of it is about what ran; of the type it takes {TYPE_FROM} machines"


def ratio_of(a: pd.Series[float], b: pd.Series[float], *, paired: bool) -> tuple[float, Interval | None]:
    """The typical value of `b` / that of `a` and its interval, from values of by_run, which are partners if `paired`.

    It is about types of machines where there are enough of them: within each machine where the same ones are on both
    sides, else of machines that have nothing to do with each other. Otherwise it is about these runs' machines alone:
    with few machines, with some on both sides, and where not every run tells its own.
    """
    by_a, by_b = _by_machine(a), _by_machine(b)
    few = min(len(by_a), len(by_b)) < TYPE_FROM
    if paired and few:
        return paired_ratio(b.tolist(), a.tolist())
    if few or (by_a.keys() != by_b.keys() and by_a.keys() & by_b.keys()):
        return ratio_of_medians(b.tolist(), a.tolist())
    if by_a.keys() != by_b.keys():
        return _named(ratio_of_types(list(by_b.values()), list(by_a.values())), f"{len(by_a)} and {len(by_b)} machines")
    within = paired_ratio_of_types if paired else ratio_on_machines
    return _named(within([(by_b[host], by_a[host]) for host in by_a]), f"{len(by_a)} machines")


def ratio_of_successes(
    a: Side, b: Side, spent_a: Sequence[float], spent_b: Sequence[float]
) -> tuple[float, Interval | None]:
    """What a success of `b` takes / what one of `a` does, from what their attempts took, and its interval.

    It is about types of machines where both have enough of them. The two are taken as independent: machines that ran
    both make it wider than it need be.
    """
    machines = _numbers(a, b)
    success_a, interval_a = to_first_success(spent_a, _hits(a), machines[0])
    success_b, interval_b = to_first_success(spent_b, _hits(b), machines[1])
    if interval_a is None or interval_b is None:
        return success_b / success_a, None
    return success_b / success_a, ratio_of_estimates(success_b, interval_b, success_a, interval_a)


def difference_of_hits(a: Side, b: Side) -> Interval:
    """The interval of P(hit) of `a` minus that of `b`, taken as independent, about types where both have enough."""
    hits_a, hits_b = _hits(a), _hits(b)
    machines = _numbers(a, b)
    return difference_of_shares(
        float(hits_a.mean()), share(hits_a, machines[0]), float(hits_b.mean()), share(hits_b, machines[1])
    )


def _hits(side: Side) -> NDArray[np.bool_]:
    return side.runs["hit"].to_numpy(bool)


def _numbers(a: Side, b: Side) -> tuple[Machines | None, Machines | None]:
    """The machine of each run; None where one side says nothing of its type, so that both are about those that ran."""
    few = any((machines_of(side.runs) or 0) < TYPE_FROM for side in (a, b))
    return (None, None) if few else (machine_numbers(a.runs), machine_numbers(b.runs))


def _named(found: tuple[float, Interval | None], machines: str) -> tuple[float, Interval | None]:
    ratio, interval = found
    return ratio, interval and interval._replace(method=f"{interval.method}, {machines}")


def _by_machine(values: pd.Series[float]) -> dict[str, list[float]]:
    """The values of each machine; none where one run does not tell its."""
    hosts = values.index.get_level_values(2)
    if (hosts == "").any():
        return {}
    return {str(host): group.tolist() for host, group in values.groupby(hosts, sort=False, observed=True)}
