"""Notes to a cost table and its rows: what the clock counts, where prices come from, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.frames import Clock, counted
from analysis.published.dawnbench import entries as dawnbench
from analysis.stats import BOOTSTRAP_FROM, BOOTSTRAP_UNTIL, LEVEL, MEDIAN_FROM, RESAMPLED_FROM, SUCCESS_FROM, TYPE_FROM
from bench.record.documents import COUNTED, ONCE, Policy
from bench.text import CATEGORIES, one_line, plural, significant

NO_RUNS = "No runs yet. Start with: bench run RECIPE (bench recipes lists them; quick is the shortest)."
UNTIL_THEN = "Until then, the published entries:"
# Beside rows of several runs that others published.
SEVERAL_PUBLISHED = (
    "published, n > 1: runs as executed and timed by their author, including misses. Times are on the author's clock; "
    "a note to the row says what it counts and leaves out. Left-out seconds are those reported for every run; there "
    "may be more. From 3 machines on, the median and its interval describe the machine type, with equal weight per "
    "machine. Costs use the price given at import. bench did not observe these runs."
)
_SHOWN = 5e-4  # s: less is no more than the call of a function
_UNTIMED = "; loading the data, building and warming up are not counted"
CLOCKS: dict[Policy, str] = {
    "airbench": f"prepare, train and final_evaluate, to the end of the run{_UNTIMED}",
    "dawnbench": "data, build, prepare and train, up to the first evaluation at the target; start-up, warm-up and "
    "evaluation are not counted. A process loads the data and builds the network once; that counts in each of its runs",
    "mlperf": "everything from the start of prepare or train to the first evaluation at the target" + _UNTIMED,
    "cold": "everything from the start of the process to the final accuracy or a program's target; of a recipe, only "
    "the first run of a process has this time",
}
# Under the others a run that missed its target has no time.
_TIMES_MISSES: tuple[Policy, ...] = ("airbench", "cold")


def title(policy: Policy) -> str:
    """What the table shows."""
    return f"Time, quality and cost of training, under the {policy} clock"


def general_notes(
    policy: Policy, *, measured: bool, programs: bool, shown: int, known: int, compared: bool
) -> list[str]:
    """The notes to the whole table, with `shown` of the `known` published entries in it; `programs`: and such rows."""
    notes = []
    if measured:
        notes += [
            f"time: the {policy} clock, which counts {CLOCKS[policy]}. Median of {_timed(policy, programs)}. "
            "left out: the median of the seconds before the clock stops that it does not count; "
            "one-off work of a process, such as start-up and warm-up, is charged to each of its runs.",
            f"intervals: {100 * LEVEL:g} %, in brackets. P(hit): Wilson. Cost per success: P(hit)'s, combined with "
            f"the cost of hits and misses, from {SUCCESS_FROM} runs on. Mean accuracy: Student t. Median time "
            f"and train cost: BCa bootstrap for {BOOTSTRAP_FROM} to {BOOTSTRAP_UNTIL} runs, order statistics for "
            f"{MEDIAN_FROM} to {BOOTSTRAP_FROM - 1} and for more. They describe the machines that ran. From "
            f"{TYPE_FROM} machines on, all intervals describe the machine type: times and train costs by random "
            f"effects, with equal weight per machine, from {RESAMPLED_FROM} on by a bootstrap of machines, then runs; "
            "P(hit) and cost per success with the machines' design effect; mean accuracy with Student t over machines.",
            "runs: all of them, including failed and interrupted ones. hits: runs that completed at or above the "
            "target. train cost: time x price. cost per success: the time that the clock counted over all runs, "
            "misses and incomplete ones included, x price / hits.",
            "unknown: the price is not known. –: not applicable, such as a cost per success where no run hit.",  # noqa: RUF001 -- the dash that the cells hold
        ]
    if programs:
        notes.append(
            "programs: a run hits if it reached its target once or, without a target, if it completed. Its time is "
            "measured up to that point, on the cold clock where a cell says so; a miss has no time."
        )
    if shown:
        notes.append(
            f"published: {f'{shown} of the' if shown < known else 'all'} {known} CIFAR-10 training entries of "
            "DAWNBench, one run each, chosen by its author; on the dawnbench clock, at the price of its day, without "
            f"an interval. Source: {dawnbench.SOURCE}."
        )
    if compared:
        notes.append(
            "÷ Page's: the row's time or train cost divided by that of David Page's entry; below 1 is faster "
            "or cheaper. Only for CIFAR-10 to 94 % or more, where a run hit. †: the machines differ, so this "
            "compares machines and not only recipes. ‡: a spot or committed price against his on-demand one."
            + ("" if policy == "dawnbench" else f" His time is on the dawnbench clock, not on {policy}.")
        )
    return notes


def _timed(policy: Policy, programs: bool) -> str:
    """Which runs the median time is of; of programs a note of their own says it."""
    if policy not in _TIMES_MISSES:
        return "the runs that reached their target"
    return f"the completed runs, {'of recipes ' if programs else ''}hits and misses alike"


def run_notes(selected: pd.DataFrame, policy: Clock) -> tuple[str, ...]:
    """The notes to the row of the runs `selected`, those that do not count among them."""
    runs = counted(selected)
    # Rows of a few runs are many: an array says at once what takes pandas a hundred times as long.
    timed = runs[f"{policy}_s"].notna().to_numpy()
    completed = (runs["status"] == "completed").to_numpy()
    notes = [
        _price(selected),
        *_broken(runs, ~completed),
        *_invalid(len(selected) - len(runs)),
        *_unfinished(selected),
        *_left_out(runs, timed, policy),
        *_untimed(timed[completed], policy),
        *_too_few(int(timed.sum())),
        *_fell_back(runs),
        *_mixed(runs),
        *_warned(runs),
        *_done_twice(selected),
    ]
    return tuple(one_line(note) for note in notes)


def _price(selected: pd.DataFrame) -> str:
    known = (selected["price_source"].notna() & selected["price_seen"].notna()).to_numpy()
    if not known.any():
        command = "bench exec" if selected["program"].any() else "bench run"
        return f"price: unknown, and so is every cost; give {command} --instance or --price-per-hour"
    first: list[Any] = [selected[name].iat[0] for name in ("hourly", "currency", "pricing_category")]
    hourly, currency, category = first
    sources = selected.loc[known, ["price_source", "price_seen"]].drop_duplicates()
    where = "; ".join(f"{source}, seen {seen}" for source, seen in sources.itertuples(index=False))
    amount = "per GPU, number of GPUs unknown;" if hourly is None else f"{hourly:f} {currency} per hour,"
    return f"price: {amount} {category} ({CATEGORIES[category]}); {where}"


def _broken(runs: pd.DataFrame, incomplete: NDArray[np.bool_]) -> Iterator[str]:
    if incomplete.any():
        broken = runs.loc[incomplete, ["status", "reason"]]
        reasons = broken.groupby(["status", "reason"], observed=True).size().reset_index(name="runs")
        told = sorted((f"{row.status} ({row.reason})", row.runs) for row in reasons.itertuples())
        counts = ", ".join(f"{count} {reason}" for reason, count in told)
        yield f"{counts}: counted in runs, P(hit) and cost per success"


def _invalid(count: int) -> Iterator[str]:
    if count:
        yield f"{plural(count, 'run')} excluded: a clock was read while the device was still busy"


def _unfinished(selected: pd.DataFrame) -> Iterator[str]:
    # A run that was interrupted and made again has its place in the series twice.
    series = selected["series_id"].cat.codes.to_numpy()
    planned, recorded = selected["planned"].groupby(series).max(), selected["series_index"].groupby(series).nunique()
    missing = int((planned.to_numpy(float, na_value=0) - recorded.to_numpy()).clip(min=0).sum())
    if missing:
        yield f"{plural(missing, 'run')} planned but not recorded: a series was stopped early, or is still running"


def _left_out(runs: pd.DataFrame, timed: NDArray[np.bool_], policy: Clock) -> Iterator[str]:
    phases = [phase for phase in ONCE if policy in COUNTED and phase not in COUNTED[policy]]
    if not phases:
        return
    once = np.column_stack([runs[f"{phase}_s"].to_numpy(float)[timed] for phase in phases])
    if not len(once) or np.isnan(once).any():
        return
    seconds = dict(zip(phases, np.median(once, axis=0).tolist(), strict=True))
    parts = [f"{phase} {significant(spent)} s" for phase, spent in seconds.items() if spent >= _SHOWN]
    rest = float(np.median(runs[f"{policy}_left_out_s"].to_numpy(float)[timed] - once.sum(axis=1)))
    parts += [f"{significant(rest)} s between the counted phases"] if rest >= _SHOWN else []
    if parts:
        yield f"left out of the time: {', '.join(parts)}"


def _untimed(timed: NDArray[np.bool_], policy: Clock) -> Iterator[str]:
    """`timed`: which of the completed runs have a time."""
    if not timed.all():
        count = plural(len(timed), "run")
        yield f"{(~timed).sum()} of {count} completed without a time under the {policy} clock"


def _too_few(timed: int) -> Iterator[str]:
    if 0 < timed < MEDIAN_FROM:
        yield f"n = {timed}: too few for an interval of the median, which needs {MEDIAN_FROM}"


# What is known of a run that was interrupted and repeated.
_ATTEMPT = ["series_id", "seed", "started", "status", "last_step", "resumed_from"]


def _done_twice(selected: pd.DataFrame) -> Iterator[str]:
    """What programs lost that were interrupted and run again under the same seed of the same series."""
    if not selected["program"].any():
        return
    shown = selected.loc[selected["program"] & selected["last_step"].notna(), _ATTEMPT].sort_values("started")
    if shown.empty:
        return
    lost = again = from_zero = 0
    for _, attempts in shown.groupby(["series_id", "seed"], observed=True):
        made: list[dict[Hashable, Any]] = attempts[["status", "last_step", "resumed_from"]].to_dict("records")
        for earlier, later in pairwise(made):
            if earlier["status"] == "interrupted":
                resumed = 0 if pd.isna(later["resumed_from"]) else int(later["resumed_from"])
                again, from_zero = again + 1, from_zero + (resumed == 0)
                lost += max(0, int(earlier["last_step"]) - resumed)
    if again:
        began = f"; {from_zero} began at step 0 or did not show a step" if from_zero else ""
        yield f"{plural(again, 'interrupted run')} repeated: {lost} steps were done twice{began}"


def _fell_back(runs: pd.DataFrame) -> Iterator[str]:
    count = int(runs["fell_back"].sum())
    if count and runs["program"].any():
        yield f"{plural(count, 'run')} reached the target but ended worse: counted as a hit"
    elif count:
        yield f"{plural(count, 'run')} crossed the target but ended below it: counted as a miss"


def _mixed(runs: pd.DataFrame) -> Iterator[str]:
    sources = "commands" if runs["program"].any() else "versions of the recipe's source"
    for column, what in (("source_sha256", sources), ("torch", "versions of torch")):
        count = runs[column].nunique()
        if count > 1:
            yield f"mixes {count} {what}"


def _warned(runs: pd.DataFrame) -> Iterator[str]:
    count = int((runs["warnings"] > 0).sum())
    if count:
        kinds = Counter(kind for kinds in runs["warned_of"].dropna() for kind in kinds.split("; "))
        named = ", ".join(
            f"{kind} (in {of})" for kind, of in sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
        )
        yield f"{plural(count, 'run')} recorded with warnings: {named}; see the records"
