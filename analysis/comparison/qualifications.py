"""Qualifications of a comparison: what else differs, how runs were paired, which of them are doubtful.

Comparisons and claims of one's own say it in the same words. Machine types are never mixed: a recipe takes a second on
one and ten minutes on another, a median over both is of neither, and what a success takes would follow from how many
runs there were of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

from analysis.comparison.side import Side, distinct
from bench.text import CATEGORIES, one_line, plural

Metric = Literal["time", "cost", "hits", "accuracy", "time-per-success", "cost-per-success"]
METRICS: tuple[Metric, ...] = get_args(Metric)

# What has to be the same for A and B to differ in the recipe alone: columns of the frame, in words.
_CONDITIONS = {
    "machine": "machine",
    "instance": "instance",
    "precision": "precision",
    "path": "execution path",
    "convolution": "convolution",
    "dataset": "data set",
    "target": "target",
    "views": "views an image (TTA)",
    "pricing_category": "price category",
    "torch": "torch",
    "counts": "clock",  # of published runs: what their author counted
}
_MACHINE = {"machine": "machines differ", "dataset": "data sets differ", "counts": "clocks differ"}
_TARGET = {"metric": "targets are about different things", "target": "targets differ"}
_SUCCESS = {**_MACHINE, **_TARGET}
_PRICE = {"pricing_category": "price categories, such as spot, differ"}
# What makes a comparison in a metric one of unlike things, by column; machines, too, are not recipes.
_UNLIKE: dict[Metric, dict[str, str]] = {
    "time": _MACHINE,
    "cost": {**_MACHINE, **_PRICE},
    "hits": {"dataset": "data sets differ", **_TARGET},
    "accuracy": {"dataset": "data sets differ"},
    "time-per-success": _SUCCESS,
    "cost-per-success": {**_SUCCESS, **_PRICE},
}


_TYPES_NAMED = 3


def unlike(metric: Metric, a: Side, b: Side) -> dict[str, str]:
    """What makes the sides unlike things in a metric: the mark of each column that differs."""
    return {
        column: mark
        for column, mark in _UNLIKE[metric].items()
        if _tells(column, a, b) and distinct(a, column) != distinct(b, column)
    }


def conditions(*sides: Side) -> Iterator[str]:
    """What differs between the sides beside the recipe, and what a side mixes; of one side the latter alone."""
    for column, what in _CONDITIONS.items():
        if not _tells(column, *sides):
            continue
        values = [shown(side, column) for side in sides]
        if any(other != values[0] for other in values):
            also = "; this compares machines, not only recipes" if column == "machine" else ""
            each = (f"{side.label} {', '.join(names)}" for side, names in zip(sides, values, strict=True))
            yield f"the {what} differs: {'; '.join(each)}{also}"
        elif len(values[0]) > 1:
            yield f"mixes more than one {what}: {', '.join(values[0])}"
    for side in sides:
        versions = side.runs["source_sha256"].nunique()
        if versions > 1:
            yield f"{side.label} mixes {versions} versions of its source"


def _tells(column: str, *sides: Side) -> bool:
    """Whether the column counts: what an author counted does where all are published, and not on a clock of ours."""
    return column != "counts" or not any(None in distinct(side, column) for side in sides)


def on_shared_types(a: Side, b: Side) -> tuple[Side, Side, list[str]]:
    """Both sides on the types that both ran on, and what that leaves out, in words; as they are where there is none."""
    shared = set(a.runs["machine"]) & set(b.runs["machine"])
    if not shared:
        return a, b, []
    kept, notes = [], []
    for side, other in ((a, b), (b, a)):
        there = side.runs["machine"].isin(shared)
        if not there.all():
            elsewhere = replace(side, runs=side.runs[~there])
            ran = f"{plural(len(elsewhere.runs), 'run')} of {side.label} on {', '.join(shown(elsewhere, 'machine'))}"
            notes.append(f"left out: {ran}, where {other.label} did not run")
        kept.append(side if there.all() else replace(side, runs=side.runs[there]))
    return kept[0], kept[1], notes


def several_types(side: Side) -> str | None:
    """Why the side has no time and no cost, in words: it has several machine types; None if it has one."""
    names = shown(side, "machine")
    if len(names) < 2:
        return None
    more = f" and {len(names) - _TYPES_NAMED} more" if len(names) > _TYPES_NAMED else ""
    listed = f"{', '.join(names[:_TYPES_NAMED])}{more}"
    return f"{side.label} ran on {len(names)} machine types, {listed}: select one with @MACHINE"


def shown(side: Side, column: str) -> list[str]:
    """The values in a column of the runs, for a note; `unknown` where there is none."""
    values = side.runs[column].dropna().unique().tolist() if column in side.runs else []
    if column == "pricing_category":
        values = [CATEGORIES.get(value, value) for value in values]
    return sorted({one_line(str(value)) for value in values}) or ["unknown"]


def interleaved(a: Side, b: Side) -> bool:
    """Whether all runs are from the same series: then each run has a partner, measured next to it."""
    return set(a.runs["series_id"]) == set(b.runs["series_id"])


def design(a: Side, b: Side, pairs: int) -> str:
    """Whether the runs were interleaved, and of how many pairs the times are."""
    if not interleaved(a, b):
        return "unpaired: the runs were not interleaved, so drift of the machine would look like a difference"
    alone = max(len(a.runs), len(b.runs)) - pairs
    left = f"; {alone} without a timed partner are left out of time and cost" if alone and pairs else ""
    return f"paired: the runs were interleaved in one series, and each is compared with its neighbour{left}"


def in_common(a: Side, b: Side) -> str | None:
    """Why the two cannot be compared, in words: runs are on both sides; None where none is."""
    shared = len(set(a.runs["run_id"]) & set(b.runs["run_id"]))
    if not shared:
        return None
    return f"{a.label} and {b.label} have {plural(shared, 'run')} in common; narrow one with RECIPE@MACHINE"


def doubts(side: Side) -> Iterator[str]:
    """What of the side's runs is not counted, and which may be copies of others."""
    if side.invalid:
        yield f"{side.invalid} of {side.label} excluded: a clock was read while the device was still busy"
    seeded = side.runs[side.runs["seed"].notna()]  # two unknown seeds are not the same
    copies = int(seeded.duplicated(["seed", "machine", "source_sha256"]).sum())
    if copies:
        yield f"{copies} of {side.label} repeat a seed: their accuracies may be copies, so n may be too large"
