"""Draws three of the four plots; the fourth is in lease_figure.

Points and lines carry their numbers, which the page tells at hover and by the keyboard, and short names beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.plots.axes import Margins, Named, above, leave, logarithmic, time_axis, write_levels, write_names
from analysis.plots.data import Group, Hits, Reading
from analysis.plots.points import (
    UNPRICED,
    cannot_be_placed,
    cost_of,
    group_tip,
    hits_tip,
    is_what_if,
    pareto_fronts,
    point_tip,
    reading_tip,
    time_of,
)
from analysis.plots.svg import INK, MUTED, PAPER, SERIES, Svg, Tips, svg_of
from bench.record.documents import Policy

_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
# More lines than these cannot be told apart, and would make the page slow.
GROUPS_DRAWN = 8
LINES_DRAWN = 240
STEPS_DRAWN = 200

# Inches of a plot that has another beside it, or a telephone's width; the margin of a target's name.
_SIZE = (5.0, 3.6)
_PLAIN = Margins(right=0.6)

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
    """Which of the series' colours each row has, by name: one and the same in every plot, -1 for published ones.

    Those whose runs are drawn come first, so that no two of them share one.
    """
    first = [group.label for group in plotted(groups)]
    rest = [g.label for g in groups if g.row.kind == "measured" and g.label not in first]
    own = {label: index % len(SERIES) for index, label in enumerate([*first, *rest])}
    return {group.label: own.get(group.label, -1) for group in groups}


def time_and_cost(groups: Sequence[Group], colours: Colours, *, narrow: bool = False) -> Svg:
    """Median time against median cost, both logarithmic; beside it, those of `groups` whose price is unknown.

    `groups` are those that have a time. `narrow`: for a telephone.
    """
    placed = [group for group in groups if cannot_be_placed(group) is None]
    unpriced = [group for group in groups if cannot_be_placed(group) == UNPRICED]
    fronts = pareto_fronts(group for group in placed if not is_what_if(group))

    def draw(figure: Figure) -> Tips:
        shares = [2.6 if narrow else 4.5] * bool(placed) + [1.0] * bool(unpriced)
        found = figure.subplots(1, len(shares), sharey=True, squeeze=False, width_ratios=shares)[0]
        leave(figure, Margins())
        axes, strip = found[0], found[-1]
        ids = {group.label: f"tip-{number}" for number, group in enumerate([*placed, *unpriced])}
        for best in fronts:
            axes.plot(
                [cost_of(g) for g in best], [time_of(g) for g in best], color=MUTED, linewidth=1, drawstyle="steps-post"
            )
        for group in placed:
            _point(axes, group, cost_of(group), colours, ids[group.label])
        for group in unpriced:
            _point(strip, group, 0.5, colours, ids[group.label])
        logarithmic(axes, "y", [time_of(group) for group in groups])
        above(axes, "median time of a run, s (logarithmic)")
        if placed:
            logarithmic(axes, "x", [cost_of(group) for group in placed])
            axes.set_xlabel("median train cost of a run, USD (logarithmic)")
        if unpriced:
            strip.set(xlim=(0, 1), xticks=[0.5], xticklabels=["price unknown"])
            strip.tick_params(axis="both", length=0)
            strip.spines["left"].set_linestyle((0, (2, 3)))
        points = [
            *(Named(axes, cost_of(g), time_of(g), g.label, ids[g.label]) for g in placed),
            *(Named(strip, 0.5, time_of(g), g.label, ids[g.label]) for g in unpriced),
        ]
        best_labels = {group.label for front in fronts for group in front}
        measured = {group.label for group in groups if group.runs}
        # Our own first, then what nothing beats, the fastest of each first: from the end names are without room.
        points.sort(key=lambda point: (point.text not in measured, point.text not in best_labels, point.y))
        write_names(figure, points)
        return {ids[group.label]: point_tip(group) for group in [*placed, *unpriced]}

    if narrow:
        return svg_of("cost-narrow", draw, width=4.4, height=5.2)
    return svg_of("cost", draw, width=9.6, height=4.6)


def accuracy_by_time(
    curves: Sequence[tuple[Group, Sequence[Sequence[Reading]]]],
    policy: Policy,
    targets: Sequence[float],
    colours: Colours,
) -> Svg:
    """The `curves` of each group's runs along the clock, as thin lines, with the targets."""

    def draw(figure: Figure) -> Tips:
        axes = figure.add_subplot()
        leave(figure, _PLAIN)
        seconds, ends = [], []
        tips: dict[str, str | Sequence[str]] = {}
        for number, (group, of_runs) in enumerate(curves):
            colour, gid = SERIES[colours[group.label]], f"tip-{number}"
            both = list(zip(group.runs, of_runs, strict=True))
            drawn = [(run, curve) for run, curve in subsample(both, lines_for(len(curves))) if curve]
            lines = [[(r.seconds, 100 * r.accuracy) for r in curve] for _, curve in drawn]
            if not lines:
                continue
            long = [line for line in lines if len(line) > 1]
            axes.add_collection(LineCollection(long, colors=colour, linewidths=0.7, alpha=0.55, gid=gid))
            axes.plot(
                *zip(*(line[-1] for line in lines), strict=True),
                "o",
                color=colour,
                markersize=3.4,
                linewidth=0,
                markeredgewidth=0,
                gid=f"{gid}-ends",
            )
            tips[gid] = group_tip(group)
            tips[f"{gid}-ends"] = [reading_tip(group, run, curve[-1]) for run, curve in drawn]
            seconds += [second for line in lines for second, _ in line]
            ends.append(Named(axes, *max(line[-1] for line in lines), group.label, gid))
        for target in targets:
            axes.axhline(100 * target, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.autoscale_view()
        axes.margins(y=0.08)
        time_axis(axes, seconds, policy)
        above(axes, "test accuracy, %")
        levels = [100 * target for target in targets]
        what = "target\n" if len(levels) == 1 else ""
        write_levels(axes, levels, [f"{what}{level:.6g} %" for level in levels])
        write_names(figure, ends, levels)
        return tips

    return svg_of("accuracy", draw, *_SIZE)


def lines_for(groups: int) -> int:
    """How many lines each of so many groups may have."""
    return LINES_DRAWN // max(1, groups)


def share_of_hits(hits: Sequence[tuple[Group, Hits]], policy: Policy, colours: Colours) -> Svg:
    """For each group the share of its runs that have hit, rising step by step along the clock."""

    def draw(figure: Figure) -> Tips:
        axes = figure.add_subplot()
        leave(figure, _PLAIN)
        edges = [edge for _, h in hits for edge in (*h.seconds[:1], h.until)]
        start = 0.8 * min((edge for edge in edges if edge > 0), default=1.0)
        ends, tips = [], {}
        for index, (group, hit) in enumerate(hits):
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
                gid=f"tip-{index}",
            )
            tips[f"tip-{index}"] = hits_tip(group, hit)
            ends.append(Named(axes, max(hit.until, start), last, group.label, f"tip-{index}"))
        axes.set_ylim(-4, 108)
        time_axis(axes, [start, *edges], policy)
        above(axes, "share of all runs that have hit, %")
        write_names(figure, ends)
        return tips

    return svg_of("hits", draw, *_SIZE)


def _point(axes: Axes, group: Group, x: float, colours: Colours, gid: str) -> None:
    row, number = group.row, colours[group.label]
    colour = SERIES[number] if number >= 0 else MUTED
    if row.time_s_interval:
        # Cost is time by a constant: both ends of the interval lie on one slanted line.
        interval = row.what_if_train_cost_interval if is_what_if(group) else row.train_cost_interval
        across = interval[:2] if interval else (x, x)
        axes.add_artist(Line2D(across, row.time_s_interval[:2], color=colour, linewidth=2.4))
    published = row.kind == "published"
    point = Line2D(
        [x],
        [time_of(group)],
        linestyle="none",
        marker="D" if published else "o",
        markersize=6.5,
        markeredgewidth=1.5,
        markeredgecolor=colour,
        markerfacecolor=PAPER if published or is_what_if(group) else colour,
        gid=gid,
    )
    axes.add_artist(point)  # not `plot`, which would find limits that are set anyway
