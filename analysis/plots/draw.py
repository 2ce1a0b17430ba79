"""Three of the four plots, drawn; the fourth is in lease_figure.

No text of a record is drawn: rows are labelled by letters, and the page says what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.plots.data import Group, hits, pareto_fronts, readings
from analysis.plots.svg import INK, MUTED, PAPER, SERIES, Svg, svg_of
from bench.record.documents import Policy

_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
# From here on a linear axis would press the fast rows into one line.
_LOG_FROM = 10
# Where a letter may stand beside its point, in points; the first free place is taken.
_PLACES = ((7, 5), (7, -13), (-15, 5), (-15, -13), (-4, 12), (-4, -20), (18, 5), (18, -13))
# More lines than these cannot be told apart, and would make the page slow.
GROUPS_DRAWN = 8
LINES_DRAWN = 240
STEPS_DRAWN = 200

_T = TypeVar("_T")
Colours = Mapping[str, int]


def subsample(items: Sequence[_T], limit: int) -> list[_T]:
    """At most `limit` of the items, evenly spread, the first and the last among them."""
    if len(items) <= limit:
        return list(items)
    if limit < 2:
        return list(items[:limit])
    return [items[round(k * (len(items) - 1) / (limit - 1))] for k in range(limit)]


def plotted(groups: Iterable[Group]) -> list[Group]:
    """The groups whose runs are drawn one by one: those with the most runs, in the order of the table."""
    measured = [group for group in groups if group.runs]
    most = sorted(measured, key=lambda group: -len(group.runs))[:GROUPS_DRAWN]
    labels = {group.label for group in most}
    return [group for group in measured if group.label in labels]


def colours_of(groups: Sequence[Group]) -> dict[str, int]:
    """Which of the series' colours each row has, by letter: one and the same in every plot, -1 for published ones.

    Those whose runs are drawn come first, so that no two of them share one.
    """
    first = [group.label for group in plotted(groups)]
    rest = [g.label for g in groups if g.row.kind == "measured" and g.label not in first]
    own = {label: index % len(SERIES) for index, label in enumerate([*first, *rest])}
    return {group.label: own.get(group.label, -1) for group in groups}


def time_and_cost(groups: Sequence[Group], colours: Colours) -> Svg:
    """Median time against median cost, both logarithmic: `groups` are those that have such a point."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for best in pareto_fronts(groups):
            axes.plot(
                [_cost(g) for g in best], [_time(g) for g in best], color=MUTED, linewidth=1, drawstyle="steps-post"
            )
        for group in groups:
            number = colours[group.label]
            _point(axes, group, SERIES[number] if number >= 0 else MUTED)
        _logarithmic(axes, "x", [_cost(group) for group in groups])
        _logarithmic(axes, "y", [_time(group) for group in groups])
        axes.set_xlabel("median train cost of a run, USD (logarithmic)")
        axes.set_ylabel("median time of a run, s (logarithmic)")
        _labels(axes, [(_cost(g), _time(g), g.label) for g in groups])

    return svg_of("cost", draw)


def accuracy_by_time(groups: Sequence[Group], policy: Policy, targets: Sequence[float], colours: Colours) -> Svg:
    """Each run's evaluations along the clock, as a thin line, with the targets."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends, seconds = [], []
        for group in groups:
            colour = SERIES[colours[group.label]]
            curves = [readings(run, policy) for run in subsample(group.runs, lines_for(groups))]
            lines = [[(r.seconds, 100 * r.accuracy) for r in curve] for curve in curves if curve]
            if not lines:
                continue
            axes.add_collection(
                LineCollection([line for line in lines if len(line) > 1], colors=colour, linewidths=0.7, alpha=0.55)
            )
            axes.plot(
                *zip(*(line[-1] for line in lines), strict=True),
                "o",
                color=colour,
                markersize=3,
                linewidth=0,
                markeredgewidth=0,
            )
            seconds += [second for line in lines for second, _ in line]
            ends.append((*max(line[-1] for line in lines), group.label))
        for target in targets:
            axes.axhline(100 * target, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(
                f"target\n{100 * target:.6g} %",
                (1, 100 * target),
                (5, 0),
                fontsize=9,
                va="center",
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
            )
        axes.autoscale_view()
        axes.margins(y=0.08)
        _time_axis(axes, seconds, policy)
        axes.set_ylabel("test accuracy, %")
        _labels(axes, ends)

    return svg_of("accuracy", draw)


def lines_for(groups: Sequence[Group]) -> int:
    """How many lines each of the groups may have."""
    return LINES_DRAWN // max(1, len(groups))


def share_of_hits(groups: Sequence[Group], policy: Policy, colours: Colours) -> Svg:
    """For each group the share of its runs that have hit, rising step by step along the clock."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        curves = [(index, group, hits(group, policy)) for index, group in enumerate(groups)]
        edges = [edge for _, _, h in curves if h for edge in (*h.seconds[:1], h.until)]
        start = 0.8 * min((edge for edge in edges if edge > 0), default=1.0)
        ends = []
        for index, group, hit in curves:
            if hit is None:
                continue
            steps = subsample(list(enumerate(hit.seconds, start=1)), STEPS_DRAWN)
            shares = [100 * hit.share_by(count) for count, _ in steps]
            last = shares[-1] if shares else 0.0
            colour, dash = SERIES[colours[group.label]], _DASHES[index % len(_DASHES)]
            axes.plot(
                [start, *(s for _, s in steps), max(hit.until, start)],
                [0, *shares, last],
                color=colour,
                drawstyle="steps-post",
                linewidth=1.6,
                linestyle=dash,
            )
            ends.append((max(hit.until, start), last, group.label))
        axes.set_ylim(-4, 108)
        _time_axis(axes, [start, *edges], policy)
        axes.set_ylabel("share of all runs that have hit, %")
        _labels(axes, ends)

    return svg_of("hits", draw)


def _point(axes: Axes, group: Group, colour: str) -> None:
    row = group.row
    if row.time_s_interval and row.train_cost_interval:
        # Cost is time by a constant: both ends of the interval lie on one slanted line.
        axes.plot(row.train_cost_interval[:2], row.time_s_interval[:2], color=colour, linewidth=2.4)
    published = row.kind == "published"
    axes.plot(
        _cost(group),
        _time(group),
        "D" if published else "o",
        markersize=6.5,
        markeredgewidth=1.5,
        markeredgecolor=colour,
        markerfacecolor=PAPER if published else colour,
    )


def _cost(group: Group) -> float:
    return float(group.row.train_cost or 0)


def _time(group: Group) -> float:
    return group.row.time_s or 0.0


def _time_axis(axes: Axes, seconds: Sequence[float], policy: Policy) -> None:
    """Seconds along x: logarithmic where they differ much."""
    positive = [second for second in seconds if second > 0]
    logarithmic = bool(positive) and max(positive) > _LOG_FROM * min(positive)
    if logarithmic:
        _logarithmic(axes, "x", positive)
    else:
        axes.set_xlim(right=axes.get_xlim()[1] * 1.02)
    axes.set_xlabel(f"time ({policy} clock), s" + (" (logarithmic)" if logarithmic else ""))


def _logarithmic(axes: Axes, name: Literal["x", "y"], values: Sequence[float]) -> None:
    """A logarithmic axis around positive values, with its ends and ticks at 1, 2 or 5 times a power of ten."""
    # Less than a nanosecond is nothing that was measured.
    least, most = max(min(values), 1e-9), max(*values, 1e-9)
    first, last = math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1
    steps = (1, 2, 5) if last - first <= 6 else (1,)
    ticks = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
    low = max(tick for tick in ticks if tick < 0.9 * least)
    high = min(tick for tick in ticks if tick > 1.1 * most)
    axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.9g}"))


def _labels(axes: Axes, ends: Sequence[tuple[float, float, str]]) -> None:
    """The letters beside their points (x, y, letter), those that would cover a point or another letter left out."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # only then is it known where a point lies
    points = [axes.transData.transform(end[:2]) * 72 / figure.dpi for end in ends]
    taken = [(float(x), float(y), 3.0) for x, y in points]  # with half their widths, all in points
    for (x, y, text), point in zip(ends, points, strict=True):
        half = 3.5 * len(text)
        for dx, dy in _PLACES:
            middle = point[0] + dx + (half if dx > 0 else 7 - half), point[1] + dy + 4
            if all(abs(middle[0] - a) > half + other or abs(middle[1] - b) > 9 for a, b, other in taken):
                taken.append((*middle, half))
                axes.annotate(
                    text,
                    (x, y),
                    (middle[0] - point[0] - half, dy),
                    textcoords="offset points",
                    fontweight="bold",
                    annotation_clip=False,
                )
                break
