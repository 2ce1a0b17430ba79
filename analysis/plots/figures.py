"""The four figures of a report: each plot with its title, its description in words, its key and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analysis.plots.data import Group, Hits, Reading, curves, epochs, hits
from analysis.plots.draw import (
    Colours,
    accuracy_by_time,
    colours_of,
    lines_for,
    plotted,
    share_of_hits,
    subsample,
    time_and_cost,
)
from analysis.plots.lease_figure import lease_figure
from analysis.plots.points import UNPRICED, cannot_be_placed, cost_of, is_what_if, pareto_fronts, time_of
from analysis.plots.svg import Figure, Key
from analysis.stats import Interval
from bench.record.documents import LeaseClosed, LeaseOpened, Policy, Run
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, percent, plural, significant, table_of

_EPOCHS_LISTED = 24
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def figures(
    groups: Sequence[Group], policy: Policy, runs: Iterable[Run], leases: Iterable[LeaseOpened | LeaseClosed]
) -> list[Figure]:
    """The figures of the rows `groups` under `policy`; `runs` are those that do not count, too."""
    colours = colours_of(groups)
    return [
        _time_and_cost(groups, colours),
        _accuracy(groups, policy, colours),
        _hits(groups, policy, colours),
        lease_figure(groups, runs, leases),
    ]


def _time_and_cost(groups: Sequence[Group], colours: Colours) -> Figure:
    reasons = {group.label: cannot_be_placed(group) for group in groups}
    placed = [group for group in groups if reasons[group.label] is None]
    unpriced = [group for group in groups if reasons[group.label] == UNPRICED]
    shown = [group for group in groups if reasons[group.label] in (None, UNPRICED)]
    paid = [group for group in placed if not is_what_if(group)]
    best = {group.label for front in pareto_fronts(paid) for group in front}
    return Figure(
        name="cost",
        title="Cost and time of a run: cheaper to the left, faster below",
        description=_described(placed, paid, unpriced) if shown else "No row has a run that hit and a time.",
        svg=time_and_cost(shown, colours) if shown else None,
        narrow=time_and_cost(shown, colours, narrow=True) if shown else None,
        key=(
            *([Key("our runs, one colour per row", -1)] if any(g.runs and not is_what_if(g) for g in shown) else []),
            *([Key("at the what-if price, which nobody paid", -1, ring=True)] if len(paid) < len(placed) else []),
            *([Key("published entries", -1, hollow=True)] if any(not group.runs for group in shown) else []),
        ),
        table=table_of(
            (
                "row",
                "in full",
                "clock",
                "median time, s",
                "interval",
                "median train cost, USD",
                "interval",
                "price",
                "Pareto-optimal",
            ),
            (_placed_row(group, group.label in best) for group in shown),
        ),
        notes=(
            "Published rows are on their author's clock; a DAWNBench entry is one run on the dawnbench clock. A thick "
            "slanted stroke is an interval: cost is time x price, so both vary together. The thin line is the Pareto "
            "front: rows that no other row with the same target beats in both time and cost. Names that do not fit "
            "are left out.",
            *_left_out(groups, {label: None if why == UNPRICED else why for label, why in reasons.items()}),
        ),
    )


def _described(placed: Sequence[Group], paid: Sequence[Group], unpriced: Sequence[Group]) -> str:
    """The scatter plot in words: how many points it has, and which lie at its edges."""
    sentences = []
    if placed:
        cheapest, fastest = min(paid or placed, key=cost_of), min(placed, key=time_of)
        cost = significant(cost_of(cheapest))
        sentences.append(
            f"Scatter plot of {plural(len(placed), 'row')} on logarithmic axes: median time on the y axis, median "
            f"train cost on the x axis. Leftmost is {cheapest.name} with {cost} USD ({_n(cheapest)}), "
            f"lowest is {fastest.name} with {significant(time_of(fastest))} s ({_n(fastest)})."
        )
    if unpriced:
        fastest = min(unpriced, key=time_of)
        sentences.append(
            f"In a strip, by time alone: {plural(len(unpriced), 'row')} of unknown price; lowest is "
            f"{fastest.name} with {significant(time_of(fastest))} s ({_n(fastest)})."
        )
    return " ".join(sentences)


def _n(group: Group) -> str:
    return plural(group.row.timed, "run")


def _left_out(groups: Sequence[Group], reasons: Mapping[str, str | None]) -> list[str]:
    """A line for each reason, with the names of the rows."""
    labels_by_reason: dict[str, list[str]] = {}
    for group in groups:
        if reason := reasons[group.label]:
            labels_by_reason.setdefault(reason, []).append(group.label)
    return [f"Left out, {reason}: {'; '.join(labels)}." for reason, labels in labels_by_reason.items()]


def _placed_row(group: Group, best: bool) -> tuple[str, ...]:
    row = group.row
    category = CATEGORIES.get(row.pricing_category or "", "published" if row.kind == "published" else UNKNOWN)
    money, between, known = UNKNOWN, row.train_cost_interval, NOT_APPLICABLE
    if is_what_if(group):
        category, money, between = "what-if", significant(cost_of(group)), row.what_if_train_cost_interval
    elif row.train_cost is not None:
        money, known = significant(cost_of(group)), "yes" if best else "no"
    name = (group.label, group.name, row.clock)
    times = (significant(time_of(group)), _between(row.time_s_interval))
    return (*name, *times, money, _between(between), category, known)


def _accuracy(groups: Sequence[Group], policy: Policy, colours: Colours) -> Figure:
    found = [(group, of_runs) for group in plotted(groups) if any(of_runs := curves(group, policy))]
    shown = [group for group, _ in found]
    targets = sorted({group.row.target for group in shown if group.row.target is not None})
    limit = lines_for(len(shown))
    runs, lines = sum(len(group.runs) for group in shown), sum(min(limit, len(group.runs)) for group in shown)
    description = "No run has an evaluation on this clock."
    if shown:
        description = (
            f"One line for each of {plural(lines, 'run')} of {plural(len(shown), 'row')}: test accuracy on the y axis, "
            f"seconds of the {policy} clock on the x axis, a dot where the run ended. Dashed: the "
            f"target{'' if len(targets) == 1 else 's'}, {' and '.join(f'{100 * target:.6g} %' for target in targets)}."
        )
    return Figure(
        name="accuracy",
        title="Accuracy over time: one thin line per run, a dot at its last evaluation",
        description=description,
        svg=accuracy_by_time(found, policy, targets, colours) if shown else None,
        key=tuple(_key(shown, colours)),
        table=table_of(
            (
                "row",
                "in full",
                "epoch",
                "runs",
                "median time, s",
                "lowest accuracy, %",
                "median accuracy, %",
                "highest accuracy, %",
            ),
            (line for group, of_runs in found for line in _epoch_rows(group, of_runs)),
        ),
        notes=(
            *(
                [f"{lines:,} of {plural(runs, 'run')} are drawn, evenly chosen; the numbers cover all of them."]
                if lines < runs
                else []
            ),
            *(["The dashed lines are the targets."] if len(targets) > 1 else []),
            *_not_drawn(groups, shown, "no accuracy on this clock"),
            "Published results are on another clock and are not drawn.",
        ),
    )


def _epoch_rows(group: Group, of_runs: Sequence[Sequence[Reading]]) -> list[tuple[str, ...]]:
    return [
        (
            group.label,
            group.name,
            f"{epoch.epoch:g}",
            str(epoch.runs),
            significant(epoch.seconds),
            *(f"{100 * accuracy:.2f}" for accuracy in epoch.accuracies),
        )
        for epoch in subsample(epochs(of_runs), _EPOCHS_LISTED)
    ]


def _hits(groups: Sequence[Group], policy: Policy, colours: Colours) -> Figure:
    hits_of = {group.label: h for group in groups if (h := hits(group, policy))}
    shown = [group for group in plotted(groups) if group.label in hits_of]
    found = [(group, hits_of[group.label]) for group in shown]
    ends = [f"{group.label} {len(h.seconds)} of {h.n}" for group, h in found]
    return Figure(
        name="hits",
        title="Share of runs that have hit the target by a given time",
        description=f"A step curve for each of {plural(len(shown), 'row')}: the share of all its runs that have "
        f"hit, by seconds of the {policy} clock. Final hits: {', '.join(ends)}."
        if shown
        else "There are no runs.",
        svg=share_of_hits(found, policy, colours) if shown else None,
        key=tuple(_key(shown, colours)),
        table=table_of(
            (
                "row",
                "in full",
                "hits",
                "runs",
                "share, %",
                "interval",
                *(f"{100 * share:g} % hit by, s" for share in _QUANTILES),
            ),
            (_hits_row(group, h) for group, h in found),
        ),
        notes=(
            "Failed, interrupted and missed runs count as runs that never hit: their line ends below 100 %. Published "
            "results have no evaluation times and are not drawn.",
            *(
                f"{label}: {h.unplaced} that hit have no time on this clock and are left out."
                for label, h in hits_of.items()
                if h.unplaced
            ),
            *_not_drawn(groups, shown, "no time on this clock"),
        ),
    )


def _hits_row(group: Group, hits: Hits) -> tuple[str, ...]:
    count = len(hits.seconds)
    times = [hits.quantile(share) for share in _QUANTILES]
    return (
        group.label,
        group.name,
        str(count),
        str(hits.n),
        percent(count / hits.n),
        hits.interval.text(percent),
        *(NOT_APPLICABLE if time is None else significant(time) for time in times),
    )


def _key(groups: Sequence[Group], colours: Colours) -> list[Key]:
    return [Key(group.name, colours[group.label]) for group in groups]


def _not_drawn(groups: Sequence[Group], shown: Sequence[Group], why: str) -> list[str]:
    """Which rows of our runs are not `shown`: those left out for the reason `why`, and those beyond the most drawn."""
    measured, chosen, labels = sum(bool(group.runs) for group in groups), plotted(groups), {g.label for g in shown}
    left_out = _left_out(chosen, {group.label: None if group.label in labels else why for group in chosen})
    if len(chosen) == measured:
        return left_out
    return [*left_out, f"Only the {len(chosen)} rows with the most runs are drawn, of {measured} rows of our runs."]


def _between(interval: Interval | None) -> str:
    return NOT_APPLICABLE if interval is None else interval.text()
