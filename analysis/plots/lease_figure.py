"""The figure of the cost of a lease by phase: bars, their numbers and a description in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import matplotlib.figure as mpl
from matplotlib.patches import Rectangle
from rich.cells import cell_len

from analysis.plots.axes import Margins, leave
from analysis.plots.data import PARTS, Group, LeasePhases, lease_phases
from analysis.plots.points import phase_tip
from analysis.plots.svg import MUTED, PAPER, SERIES, Figure, Key, Svg, Tips, svg_of
from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.text import UNKNOWN, plural, significant, table_of

BARS_DRAWN = 8
FAINT = 0.45
_BAR = 0.5  # inches of a bar with its name above it
_NAMED = 3  # rows at a bar, if they fit above it: so many letters
_LONGEST = 66


class Colour(NamedTuple):
    """A number of the page's series, -1 the muted one; the second part that shares it is faint."""

    number: int
    faint: bool = False


# The same in every report. Parts that belong together, such as build and warmup, share a colour.
COLOURS = {
    "provision": Colour(6),
    "setup": Colour(6, True),
    "pull": Colour(3),
    "data": Colour(3, True),
    "build": Colour(5),
    "warmup": Colour(5, True),
    "prepare": Colour(2),
    "train": Colour(0),
    "evaluate": Colour(1),
    "final_evaluate": Colour(1, True),
    "upload": Colour(4),
    "process": Colour(0, True),
    "idle": Colour(-1, True),
    "between phases": Colour(-1),
}


@dataclass(frozen=True)
class Bar:
    """A bar: its label above, the length of each part, its total behind, and the tooltip of each part."""

    label: str
    parts: dict[str, float]
    total: str
    tips: Mapping[str, str]


@dataclass(frozen=True)
class Panel:
    """Bars along one axis, and what that shows."""

    axis: str
    bars: tuple[Bar, ...]


def lease_bars(panels: Sequence[Panel]) -> Svg:
    """The panels below each other: lengths of one are not to be compared with those of another."""
    height = sum(0.75 + _BAR * len(panel.bars) for panel in panels)

    def draw(figure: mpl.Figure) -> Tips:
        tips: dict[str, str] = {}
        heights = [0.2 + len(panel.bars) for panel in panels]
        leave(figure, Margins(left=0.1, top=0.15, right=1.5), between=0.75 * len(panels) / height + 0.15)
        for axes, panel in zip(
            figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0], panels, strict=True
        ):
            for place, bar in enumerate(panel.bars):
                left = 0.0
                for part, length in bar.parts.items():
                    number, faint = COLOURS[part]
                    gid = f"tip-{len(tips)}"
                    tips[gid] = bar.tips[part]
                    part_drawn = Rectangle(
                        (left, place - 0.075),
                        length,
                        0.45,
                        facecolor=SERIES[number] if number >= 0 else MUTED,
                        alpha=FAINT if faint else 1,
                        edgecolor=PAPER,
                        linewidth=0.8,
                        gid=gid,
                    )
                    axes.add_artist(part_drawn)  # not `add_patch`, which would find limits that are set anyway
                    left += length
                axes.annotate(
                    bar.total, (left, place + 0.15), (6, 0), textcoords="offset points", va="center", fontsize="small"
                )
                axes.annotate(
                    bar.label, (0, place - 0.14), (1, 1), textcoords="offset points", va="bottom", fontsize="small"
                )
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.set_ylim(len(panel.bars) - 0.5, -0.6)
            axes.set_xlim(0, max(sum(bar.parts.values()) for bar in panel.bars) or 1)
            axes.grid(visible=False, axis="y")
            axes.set_xlabel(panel.axis)
        return tips

    return svg_of("phases", draw, width=5.0, height=height)


def lease_figure(groups: Sequence[Group], runs: Iterable[Run], leases: Iterable[LeaseOpened | LeaseClosed]) -> Figure:
    """The figure of the leases whose runs are in the rows `groups`."""
    entries = [entry for entry in lease_phases(groups, runs, leases) if entry.seconds]
    most = sorted(entries, key=lambda entry: -entry.runs)[:BARS_DRAWN]
    shown = [entry for entry in entries if entry in most]
    parts = [part for part in PARTS if any(part in entry.seconds for entry in shown)]
    return Figure(
        name="phases",
        title="Cost of a lease by phase, from its start to its end",
        description=_description(shown),
        svg=lease_bars(_panels(shown)) if shown else None,
        key=tuple(Key(_spelled(part), COLOURS[part].number, faint=COLOURS[part].faint) for part in parts),
        table=table_of(
            ("rows", "leases", "total runs", "unit", *map(_spelled, parts), "total"),
            (line for entry in shown for line in _rows(entry, parts)),
        ),
        notes=(
            *_notes(shown),
            *(
                [f"Only the {len(shown)} kinds of leases with the most runs are shown, of {len(entries)}."]
                if len(shown) < len(entries)
                else []
            ),
        ),
    )


def _description(shown: Sequence[LeasePhases]) -> str:
    if not shown:
        return "No run has phases."
    bars = [f"{bar_label(entry)}: {_total(entry)}, {_largest(entry)}" for entry in shown]
    return (
        f"{plural(len(shown), 'bar')}, each the mean lease of the rows it names, divided by phase, labelled with its "
        f"total cost and time. The total of each and its largest part: {'; '.join(bars)}."
    )


def _panels(shown: Sequence[LeasePhases]) -> list[Panel]:
    """Money for each currency, then shares for the leases of unknown price."""
    panels = []
    for currency in sorted({entry.currency for entry in shown if entry.hourly is not None and entry.currency}):
        priced = [entry for entry in shown if entry.hourly is not None and entry.currency == currency]
        bars = [_bar(entry, {part: entry.cost(s) or 0.0 for part, s in entry.seconds.items()}) for entry in priced]
        panels.append(Panel(f"cost of a lease, {currency}", tuple(bars)))
    unpriced = [entry for entry in shown if entry.hourly is None]
    if unpriced:
        bars = [_bar(entry, {part: 100 * s / entry.whole for part, s in entry.seconds.items()}) for entry in unpriced]
        panels.append(Panel("price unknown: share of a lease's time, %", tuple(bars)))
    return panels


def _bar(entry: LeasePhases, lengths: dict[str, float]) -> Bar:
    return Bar(bar_label(entry), lengths, _total(entry), {part: phase_tip(entry, part) for part in lengths})


def _rows(entry: LeasePhases, parts: Sequence[str]) -> list[tuple[str, ...]]:
    seconds = [*(entry.seconds.get(part, 0.0) for part in parts), entry.whole]
    money = [UNKNOWN if (cost := entry.cost(part)) is None else significant(cost) for part in seconds]
    start = (bar_label(entry), str(entry.leases), str(entry.runs))
    return [(*start, entry.currency or "money", *money), (*start, "s", *map(significant, seconds))]


def _notes(shown: Sequence[LeasePhases]) -> list[str]:
    notes = [
        "A bar is the mean of the leases that served exactly these rows, with all their runs. Cost is time x price, "
        "before the provider's minimum and rounding. idle is the time of the lease outside its phases and runs; "
        "between phases, the time of a run outside its phases."
    ]
    for count, what in (
        ("unlaunched", "count from the start of bench, since the machine's launch time is not recorded"),
        ("unclosed", "are not closed and count up to the end of their last run"),
    ):
        labels = [
            bar_label(e) + (f" ({n} of {e.leases})" if n < e.leases else "") for e in shown if (n := getattr(e, count))
        ]
        if labels:
            notes.append(f"Leases that {what}: {'; '.join(labels)}.")
    without = [bar_label(entry) for entry in shown if not entry.leases]
    if without:
        notes.append(f"No lease in the records: {'; '.join(without)}. The bar is the mean run.")
    return notes


def bar_label(entry: LeasePhases) -> str:
    """The names of its rows, the first of them where not all fit above the bar."""
    labels = []
    for named in range(min(_NAMED, len(entry.labels)), 0, -1):
        more = len(entry.labels) - named
        labels.append("; ".join(entry.labels[:named]) + (f" and {more} more" if more else ""))
    return next((label for label in labels if cell_len(label) <= _LONGEST), labels[-1])


def _total(entry: LeasePhases) -> str:
    cost, time = entry.cost(entry.whole), f"{significant(entry.whole)} s"
    return time if cost is None else f"{significant(cost)} {entry.currency}, {time}"


def _largest(entry: LeasePhases) -> str:
    part = max(entry.seconds, key=entry.seconds.__getitem__)
    return f"{_spelled(part)} {significant(100 * entry.seconds[part] / entry.whole)} %"


def _spelled(part: str) -> str:
    return part.replace("_", " ")
