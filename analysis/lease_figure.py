"""The figure of what leases went for, phase by phase, with its words and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.figure import Figure, Key
from analysis.groups import Group
from analysis.lease_parts import PARTS, Spent, spent
from analysis.lease_plot import COLOURS, Bar, Panel, spent_by_part
from analysis.words import UNKNOWN, three
from bench.record.documents import LeaseClosed, LeaseOpened, Run

BARS_DRAWN = 8


def lease_figure(groups: Sequence[Group], runs: Iterable[Run], leases: Iterable[LeaseOpened | LeaseClosed]) -> Figure:
    """The figure of the leases whose runs are in the rows `groups`."""
    every = [entry for entry in spent(groups, runs, leases) if entry.seconds]
    most = sorted(every, key=lambda entry: -entry.runs)[:BARS_DRAWN]
    shown = [entry for entry in every if entry in most]
    parts = [part for part in PARTS if any(part in entry.seconds for entry in shown)]
    return Figure(
        name="phases",
        title="Where the cost of a lease goes, phase by phase, from its start to its end",
        description=_description(shown),
        svg=spent_by_part(_panels(shown)) if shown else None,
        key=tuple(Key(_spelled(part), COLOURS[part].number, faint=COLOURS[part].faint) for part in parts),
        headers=("rows", "leases", "runs in all", "in", *map(_spelled, parts), "whole"),
        rows=tuple(line for entry in shown for line in _rows(entry, parts)),
        notes=(*_notes(shown), *([f"{len(shown)} of {len(every)} kinds of leases are shown, those with the most runs."]
                                 if len(shown) < len(every) else [])),
    )  # fmt: skip


def _description(shown: Sequence[Spent]) -> str:
    if not shown:
        return "No run has phases."
    said = [f"{_label(entry)}: {_total(entry)}, {_largest(entry)}" for entry in shown]
    return (
        f"{len(shown)} bars, each the mean lease of the rows it names, divided by phase, with its whole cost and time "
        f"behind it. The whole of each and its largest part: {'; '.join(said)}."
    )


def _panels(shown: Sequence[Spent]) -> list[Panel]:
    """Money for each currency, then shares for the leases of unknown price."""
    panels = []
    for currency in sorted({entry.currency for entry in shown if entry.hourly is not None and entry.currency}):
        priced = [entry for entry in shown if entry.hourly is not None and entry.currency == currency]
        bars = [Bar(_label(e), {p: e.cost(s) or 0.0 for p, s in e.seconds.items()}, _total(e)) for e in priced]
        panels.append(Panel(f"cost of a lease, {currency}", tuple(bars)))
    unpriced = [entry for entry in shown if entry.hourly is None]
    if unpriced:
        bars = [Bar(_label(e), {p: 100 * s / e.whole for p, s in e.seconds.items()}, _total(e)) for e in unpriced]
        panels.append(Panel("price unknown: share of a lease's time, %", tuple(bars)))
    return panels


def _rows(entry: Spent, parts: Sequence[str]) -> list[tuple[str, ...]]:
    seconds = [*(entry.seconds.get(part, 0.0) for part in parts), entry.whole]
    money = [UNKNOWN if (cost := entry.cost(part)) is None else three(cost) for part in seconds]
    start = (_label(entry), str(entry.leases), str(entry.runs))
    return [(*start, entry.currency or "money", *money), (*start, "s", *map(three, seconds))]


def _notes(shown: Sequence[Spent]) -> list[str]:
    notes = [
        "A bar is the mean of the leases that served just these rows, all their runs in it. Cost is time x price, "
        "before the provider's minimum and rounding. idle is what is left of the lease beside its phases and its "
        "runs; between phases, what is left of a run beside its phases."
    ]
    for count, what in (
        ("unlaunched", "count from the start of bench: when the machine itself was launched is not in the records"),
        ("unclosed", "are not closed: they count up to the end of their last run"),
    ):
        said = [
            _label(e) + (f" ({n} of {e.leases})" if n < e.leases else "") for e in shown if (n := getattr(e, count))
        ]
        if said:
            notes.append(f"Leases that {what}: {'; '.join(said)}.")
    without = [_label(entry) for entry in shown if not entry.leases]
    if without:
        notes.append(f"No lease in the records: {'; '.join(without)}. The bar is the mean run.")
    return notes


def _label(entry: Spent) -> str:
    return ", ".join(entry.letters)


def _total(entry: Spent) -> str:
    cost, time = entry.cost(entry.whole), f"{three(entry.whole)} s"
    return time if cost is None else f"{three(cost)} {entry.currency}, {time}"


def _largest(entry: Spent) -> str:
    part = max(entry.seconds, key=entry.seconds.__getitem__)
    return f"{_spelled(part)} {three(100 * entry.seconds[part] / entry.whole)} %"


def _spelled(part: str) -> str:
    return part.replace("_", " ")
