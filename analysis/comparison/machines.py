"""The times of a side's runs by machine: what they say of its type, and of another's, where machines are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.comparison.selection import Side
from analysis.stats.intervals import Interval, median_interval, paired_ratio, ratio_of_medians
from analysis.stats.machines import TYPE_FROM, median_of_type, ratio_of_types


def by_run(side: Side, values: Iterable[Any]) -> pd.Series[float]:
    """The known of `values`, one a run of the side, by series and index, which tell pairs and machines."""
    keys = pd.MultiIndex.from_arrays([side.runs["series_id"], side.runs["series_index"]])
    return pd.Series(list(values), index=keys, dtype="float64").dropna()


def machines_of(side: Side) -> int | None:
    """How many machines the side's runs were on; None where it is not told of every run."""
    hosts = _hosts(side)
    return None if hosts.isna().any() else int(hosts.nunique())


def median_of(side: Side, values: pd.Series[float]) -> tuple[float, Interval | None]:
    """The median of `values` (of by_run) and its interval: about the type of machine from 3 machines on."""
    groups = _by_machine(side, values)
    if len(groups) < TYPE_FROM or values.min() <= 0:
        return float(values.median()), median_interval(values.tolist())
    return median_of_type(list(groups.values()))


def ratio_of(
    a: Side, b: Side, values_a: pd.Series[float], values_b: pd.Series[float], *, paired: bool
) -> tuple[float, Interval | None]:
    """The typical value of `b` / that of `a` and its interval, from values of by_run, which are partners if `paired`.

    Without partners it is about types of machines where each side has enough of its own; else about these runs alone.
    That is so where it is not told of every run which machine it was on, and where a machine is on both sides.
    """
    if paired:
        return paired_ratio(values_b.tolist(), values_a.tolist())
    by_a, by_b = _by_machine(a, values_a), _by_machine(b, values_b)
    if min(len(by_a), len(by_b)) < TYPE_FROM or by_a.keys() & by_b.keys():
        return ratio_of_medians(values_b.tolist(), values_a.tolist())
    ratio, interval = ratio_of_types(list(by_b.values()), list(by_a.values()))
    machines = f"{len(by_a)} and {len(by_b)} machines"
    return ratio, interval and interval._replace(method=f"{interval.method}, {machines}")


def _hosts(side: Side) -> pd.Series[str]:
    return side.runs.reindex(columns=["host_id"])["host_id"]


def _by_machine(side: Side, values: pd.Series[float]) -> dict[str, list[float]]:
    """The values of each machine; none where one run does not tell its."""
    hosts = _hosts(side)
    hosts.index = pd.MultiIndex.from_arrays([side.runs["series_id"], side.runs["series_index"]])
    of_values = hosts.loc[values.index]
    if of_values.isna().any():
        return {}
    return {str(host): group.tolist() for host, group in values.groupby(of_values.to_numpy(), sort=False)}
