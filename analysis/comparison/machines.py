"""The ratio of two sides: run by run where runs have partners, else of types of machines where it is told which ran."""

from __future__ import annotations

import pandas as pd

from analysis.comparison.selection import Side
from analysis.stats.intervals import Interval, paired_ratio, ratio_of_medians
from analysis.stats.machines import TYPE_FROM, ratio_of_types


def ratio_of(
    a: Side, b: Side, values_a: pd.Series[float], values_b: pd.Series[float], *, paired: bool
) -> tuple[float, Interval | None]:
    """The typical value of `b` / that of `a` and its interval, from values by series and index, partners if `paired`.

    Without partners it is about types of machines where each side has enough of its own; else about these runs alone.
    That is so where it is not told of every run which machine it was on, and where a machine is on both sides.
    """
    if paired:
        return paired_ratio(values_b.tolist(), values_a.tolist())
    by_a, by_b = _by_host(a, values_a), _by_host(b, values_b)
    if min(len(by_a), len(by_b)) < TYPE_FROM or by_a.keys() & by_b.keys():
        return ratio_of_medians(values_b.tolist(), values_a.tolist())
    ratio, interval = ratio_of_types(list(by_b.values()), list(by_a.values()))
    machines = f"{len(by_a)} and {len(by_b)} machines"
    return ratio, interval and interval._replace(method=f"{interval.method}, {machines}")


def _by_host(side: Side, values: pd.Series[float]) -> dict[str, list[float]]:
    """The values of each machine; none where one run does not tell its."""
    hosts = side.runs.reindex(columns=["host_id"])["host_id"]
    hosts.index = pd.MultiIndex.from_arrays([side.runs["series_id"], side.runs["series_index"]])
    of_values = hosts.loc[values.index]
    if of_values.isna().any():
        return {}
    return {str(host): group.tolist() for host, group in values.groupby(of_values.to_numpy(), sort=False)}
