"""Claims held against our own runs: both recipes on one machine, at one price, under the `dawnbench` clock."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.claims import Check, Claim, Side, judge
from analysis.claims_published import UNITS
from analysis.dawnbench import TARGET
from analysis.escape import clean
from analysis.frame import counted, train_costs
from analysis.statistics import BOOTSTRAP_FROM, ratio_of_medians

_MACHINE = ["machine", "instance", "hourly", "currency", "pricing_category"]


def check_runs(claim: Claim, frame: pd.DataFrame) -> Iterator[Check]:
    """`claim` held against the runs in `frame` (of `runs_frame`): a check for each machine that ran both recipes.

    None for a claim that names no recipes, and for numbers of GPUs. Runs that missed have no time; the notes
    say how many there were.
    """
    if claim.runs_a is None or claim.runs_b is None or claim.metric not in ("time", "cost"):
        return
    runs = counted(frame)
    runs = runs[(runs["dataset"] == "cifar10") & (runs["target"] == TARGET)]
    runs = runs[runs["recipe"].isin([claim.runs_a, claim.runs_b])]
    for _, group in runs.groupby(_MACHINE, dropna=False):
        a, b = group[group["recipe"] == claim.runs_a], group[group["recipe"] == claim.runs_b]
        if len(a) and len(b):
            yield _check(claim, a, b)


def _check(claim: Claim, a: pd.DataFrame, b: pd.DataFrame) -> Check:
    found_a, found_b = _values(claim, a), _values(claim, b)
    factor, interval = ratio_of_medians(found_b, found_a) if found_a and found_b else (None, None)
    notes = [f"hits: A {a['hit'].sum()} of {len(a)} runs, B {b['hit'].sum()} of {len(b)}; medians of those that hit"]
    if factor is None:
        notes.append("nothing to compare: a recipe never hit, or the machine's price is unknown")
    elif interval is None:
        notes.append(f"no interval, so no verdict: it takes {BOOTSTRAP_FROM} runs that hit on either side")
    first = a.iloc[0]
    instance = "" if pd.isna(first["instance"]) else f" ({first['instance']})"
    return Check(
        claim=claim,
        basis=clean(f"runs on {first['machine']}{instance}"),
        a=_side(claim, a, found_a),
        b=_side(claim, b, found_b),
        factor=factor,
        interval=interval,
        verdict=judge(claim, factor, interval),
        notes=tuple(clean(note) for note in notes),
    )


def _values(claim: Claim, runs: pd.DataFrame) -> list[float]:
    """What the runs that hit took: positive values, as the clock and the price are."""
    hits = runs[runs["hit"]]
    if claim.metric == "cost":
        return [float(cost) for cost in train_costs(hits, "dawnbench") if cost]
    return [seconds for seconds in hits["dawnbench_s"].dropna().tolist() if seconds > 0]


def _side(claim: Claim, runs: pd.DataFrame, values: list[float]) -> Side:
    first = runs.iloc[0]
    unit = UNITS[claim.metric] if claim.metric == "time" or pd.isna(first["currency"]) else first["currency"]
    return Side(clean(first["recipe"]), float(pd.Series(values).median()) if values else None, clean(unit))
