"""A side of a comparison: the runs that a name selects, their values by machine, and a summary line.

A name is `recipe`, or `recipe@part of a machine's name`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.frames import by_machine, counted, machine_numbers, machines_of, target_words, whole_runs
from analysis.stats import (
    TAIL,
    TYPE_FROM,
    Interval,
    Machines,
    difference_of_shares,
    exact_mean,
    mean_interval,
    median_of,
    paired_ratio,
    paired_ratio_of_types,
    ratio_of_estimates,
    ratio_of_medians,
    ratio_of_types,
    ratio_on_machines,
    share,
    to_first_success,
)
from bench.errors import UsageError
from bench.text import CATEGORIES, UNKNOWN, did_you_mean, one_line, plural, significant


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison.

    `label` is what sentences call it; `runs` has the columns of analysis.frames.runs; `invalid` is how many more
    runs were selected but do not count, see analysis.frames.runs.counted.
    """

    label: str
    runs: pd.DataFrame
    invalid: int = 0


def select(frame: pd.DataFrame, name: str, store: str) -> Side:
    """The runs of `frame` (of runs_frame) that `name` selects: `recipe`, or `recipe@part of a machine's name`.

    `store` is what an error calls the place where `frame` is from. Raises UsageError, with the nearest name,
    where nothing is selected. Samples are not among them.
    """
    frame = whole_runs(frame)
    recipes, machines = frame["recipe"].map(one_line), frame["machine"].map(one_line)
    recipe, at, part = (name, "", "") if (recipes == name).any() else name.partition("@")
    of_recipe = recipes == recipe
    if not of_recipe.any():
        raise UsageError(f"no run of {one_line(recipe)!r} in {store}; {_nearest(recipe, recipes)}")
    there = machines.str.casefold().str.contains(part.strip().casefold(), regex=False)
    chosen = of_recipe & there
    if not chosen.any():
        ran_on = ", ".join(sorted(set(machines[of_recipe])))
        versions = sorted(set(recipes[there & recipes.str.startswith(f"{recipe} v")]))
        ran_on += "".join(f"; did you mean {version + at + part!r}?" for version in versions[-1:])
        raise UsageError(
            f"no run of {one_line(recipe)!r} on a machine called {one_line(part)!r} in {store}; ran on: {ran_on}"
        )
    selected = frame[chosen]
    if "counts" in selected and selected["counts"].nunique(dropna=False) > 1:
        raise UsageError(
            f"{one_line(name)!r} names runs on different clocks in {store}, published ones among them; narrow it with "
            "RECIPE@MACHINE, or import those under another --name"
        )
    runs = counted(selected)
    return Side(one_line(recipe + at + part), runs, len(selected) - len(runs))


def _nearest(recipe: str, recipes: pd.Series[str]) -> str:
    known = sorted(set(recipes))
    if near := did_you_mean(recipe, known):
        return near
    return f"it has {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}" if known else "it has no runs"


def by_run(runs: pd.DataFrame, values: Iterable[Any]) -> pd.Series[float]:
    """The known of `values`, one for each of `runs`, by series, index and machine, "" where that is not told.

    Runs of two sides are partners where all three are the same.
    """
    keys = pd.MultiIndex.from_arrays(
        [runs["series_id"].astype(object), runs["series_index"], runs["host_id"].astype(object).fillna("")]
    )
    return pd.Series(list(values), index=keys, dtype="float64").dropna()


def partners(a: pd.Series[float], b: pd.Series[float]) -> tuple[pd.Series[float], pd.Series[float]]:
    """The values of `by_run` of two sides that have a partner on the other, in one order."""
    pairs = pd.concat([a, b], axis=1, join="inner")
    return pairs.iloc[:, 0], pairs.iloc[:, 1]


def about(side: Side) -> str | None:
    """Which machines the results of a side describe, in words; None if that is the machine type."""
    machines = machines_of(side.runs)
    if machines is None:
        return f"{side.label}: not every run identifies its machine, so results are about the runs, not a type"
    if machines >= TYPE_FROM:
        return None
    ran = plural(machines, "machine")
    return f"{side.label} ran on {ran}, so results describe those; the type needs {TYPE_FROM} machines"


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


def typical(values: pd.Series[float]) -> tuple[float | None, Interval | None]:
    """The median of values of by_run and its interval, about the type of machine where there are enough of them."""
    return median_of(values.tolist(), list(_by_machine(values).values()))


def mean(values: pd.Series[float], tail: float = TAIL) -> tuple[float, Interval | None]:
    """The mean of values of by_run, of which there is one or more, and its interval, about the type as above.

    Each end is missed with the chance `tail`.
    """
    known = values.tolist()
    return exact_mean(known), mean_interval(known, list(_by_machine(values).values()), tail)


def _named(found: tuple[float, Interval | None], machines: str) -> tuple[float, Interval | None]:
    ratio, interval = found
    return ratio, interval and interval._replace(method=f"{interval.method}, {machines}")


def _by_machine(values: pd.Series[float]) -> dict[str, list[float]]:
    """The values of each machine; none where one run does not tell its."""
    hosts = values.index.get_level_values(2)
    if (hosts == "").any():
        return {}
    return {str(host): group.tolist() for host, group in values.groupby(hosts, sort=False, observed=True)}


def in_shares(side: Side) -> bool:
    """Whether each run's final value is a share, 0..1: an accuracy of a recipe, or of published runs."""
    return bool((side.runs["final"].isna() | side.runs["accuracy"].notna()).all())


def amounts(costs: Iterable[Decimal | None]) -> list[float]:
    """Costs as numbers; nan where unknown."""
    return [math.nan if cost is None else float(cost) for cost in costs]


def unpriced(a: Side, b: Side) -> str | None:
    """Why the two have no costs to compare, in words; None where they have."""
    for side in (a, b):
        if side.runs["hourly"].isna().any():
            return f"{side.label} has runs without a price"
    currencies = sorted({*a.runs["currency"], *b.runs["currency"]})
    return f"prices in {' and '.join(currencies)}" if len(currencies) > 1 else None


def distinct(side: Side, column: str) -> set[object]:
    """The distinct values in a column of the runs, with None for unknown."""
    values = side.runs[column].unique().tolist() if column in side.runs else [None]
    return {None if pd.isna(value) else value for value in values}  # unknown is like unknown, which nan is not


def side_line(side: Side, policy: str) -> str:
    """The side's numbers in a line."""
    n, hits = len(side.runs), int(side.runs["hit"].sum())
    of_hits = share(side.runs["hit"].tolist(), machine_numbers(side.runs))
    targets = side.runs[["dataset", "metric", "direction", "target"]].drop_duplicates().sort_values("target")
    target = ", ".join(dict.fromkeys(target_words(*each) for each in targets.to_numpy()))
    return (
        f"{side.label}: {plural(n, 'run')} on {_machines(side)}; {_time(side, policy)}; "
        f"{hits} of {n} reached {target}, P(hit) [{100 * of_hits.low:.0f}, {100 * of_hits.high:.0f}] %; {_price(side)}"
    )


def _time(side: Side, policy: str) -> str:
    types = side.runs["machine"].nunique()
    if types > 1:
        return f"no median over {types} machine types"
    times = side.runs[f"{policy}_s"].dropna()
    median, interval = median_of(times.tolist(), by_machine(side.runs, times))
    if median is None:
        return "median time unknown"
    return f"median {significant(median)} s{f' {interval.text()}' if interval else ''}"


def _machines(side: Side) -> str:
    names = ", ".join(sorted({one_line(name) for name in side.runs["machine"]}))
    count = machines_of(side.runs)
    return names if count is None else f"{plural(count, 'machine')} ({names})"


def _price(side: Side) -> str:
    columns = side.runs[["hourly", "currency", "pricing_category"]]
    prices = {
        UNKNOWN if hourly is None else f"{significant(hourly)} {currency}/h {CATEGORIES.get(category, category)}"
        for hourly, currency, category in columns.itertuples(index=False)
    }
    return f"price {', '.join(sorted(prices))}"


def side_counts(side: Side) -> dict[str, Any]:
    """The side's numbers for programs."""
    return {
        "label": side.label,
        "runs": len(side.runs),
        "completed": int((side.runs["status"] == "completed").sum()),
        "hits": int(side.runs["hit"].sum()),
        "invalid": side.invalid,
        "machines": sorted({one_line(name) for name in side.runs["machine"]}),
    }
