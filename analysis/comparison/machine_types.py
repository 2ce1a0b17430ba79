"""Machine types on the two sides of a comparison: those that both ran on, and why times of several are not mixed.

A recipe takes a second on one type and ten minutes on another. A median over both is of neither, and what a success
takes follows from how many runs there were of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analysis.comparison.side import Side
from bench.text import one_line, plural

_NAMED = 3


def on_shared_types(a: Side, b: Side) -> tuple[Side, Side, list[str]]:
    """Both sides on the types that both ran on, and what that leaves out, in words; as they are where there is none."""
    shared = set(a.runs["machine"]) & set(b.runs["machine"])
    if not shared:
        return a, b, []
    kept, notes = [], []
    for side, other in ((a, b), (b, a)):
        there = side.runs["machine"].isin(shared)
        if not there.all():
            elsewhere = side.runs.loc[~there, "machine"]
            ran = f"{plural(len(elsewhere), 'run')} of {side.label} on {', '.join(_names(elsewhere))}"
            notes.append(f"left out: {ran}, where {other.label} did not run")
        kept.append(side if there.all() else replace(side, runs=side.runs[there]))
    return kept[0], kept[1], notes


def several_types(side: Side) -> str | None:
    """Why the side has no time and no cost, in words: it has several machine types; None if it has one."""
    names = _names(side.runs["machine"])
    if len(names) < 2:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"{side.label} ran on {len(names)} machine types, {', '.join(names[:_NAMED])}{more}: select one with @MACHINE"
    )


def _names(machines: Iterable[str]) -> list[str]:
    return sorted({one_line(name) for name in machines})
