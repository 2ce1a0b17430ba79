"""The answer of a report in two or three sentences: what was fastest, what was cheapest, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from analysis.plots.names import told_apart
from analysis.report.report import Report
from analysis.stats.intervals import LEVEL, Interval
from analysis.stats.machines import TYPE_FROM
from analysis.tables.cost_table import Row
from bench.record.documents import Policy
from bench.text import CATEGORIES, percent, plural, significant

Names = Mapping[Row, str]


def answer(report: Report) -> list[str]:
    """The sentences. Rows to one target are compared, those of the target with the most runs; the others are named.

    A row stands for its target only on the clock of the report, and with a run that hit. Without runs of our own, they
    are about published runs, those whose authors counted the same.
    """
    rows = first_rows(report.rows)
    tasks = _tasks(rows)
    if all(row.single_entry for row in rows):
        return [report.headline]
    rows = tasks[0]
    timed, names = _by_time(rows, report.policy), _names(rows)
    first = (
        _fastest(timed[0], names)
        if timed
        else f"No run {task(rows[0])} hit with a time on the {report.policy} clock, out of {_attempts(rows)}."
    )
    return [first, _cost(rows, names, report), _sure(timed, names, tasks)]


def first_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows that a report is about first: of our own runs, else of published runs, else of published entries."""
    own = [row for row in rows if row.kind == "measured"]
    return own or [row for row in rows if not row.single_entry] or list(rows)


def _tasks(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows by what was to be reached, the task with the most runs first."""

    def goal(row: Row) -> tuple[str, str, str, float, tuple[str, ...]]:
        clock = (row.clock, *row.counts) if row.kind == "published" else ()
        return row.dataset or "", row.metric or "", row.direction or "", row.target or 0.0, clock

    found = [list(alike) for _, alike in groupby(sorted(rows, key=goal), goal)]
    return sorted(found, key=lambda alike: -sum(row.runs for row in alike))


def _by_time(rows: Sequence[Row], policy: Policy) -> list[Row]:
    alike = [row for row in rows if row.hits and (row.clock == policy or row.kind == "published")]
    timed = [(row.time_s, row) for row in alike if row.time_s is not None]
    return [row for _, row in sorted(timed, key=lambda entry: entry[0])]


def _fastest(row: Row, names: Names) -> str:
    share = "" if row.p_hit is None else f" ({percent(row.p_hit)} %{_between(row.p_hit_interval, percent)})"
    return (
        f"Fastest {task(row)} was {names[row]}: {_seconds(row)} ({row.clock} clock, {_median(row)}), with "
        f"{row.hits} of {plural(row.runs, 'run')} at the target{share}."
    )


def _cost(rows: Sequence[Row], names: Names, report: Report) -> str:
    """What a success cost at least, at the prices of the records and at the one that nobody paid."""
    said = []
    paid = [(row.cost_per_success, row) for row in rows if row.cost_per_success is not None and row.currency == "USD"]
    if paid:
        cost, row = min(paid, key=lambda entry: entry[0])
        known = sum(other.price_per_hour is not None for other in rows)
        of = f", of the {known} of {len(rows)} rows that have a price" if known < len(rows) else ""
        category = CATEGORIES.get(row.pricing_category or "", "")
        paid_as = f" ({category})" if category and not names[row].endswith(f", {category}") else ""
        said.append(
            f"cheapest per success was {names[row]}: {significant(cost)} USD"
            f"{_between(row.cost_per_success_interval)}{paid_as}{of}"
        )
    elif not report.what_if:
        said.append(
            "what a success cost is unknown, as no row that hit has a price in USD: bench report --price-per-hour says "
            "what it would be"
        )
    supposed = [(row.what_if_cost_per_success, row) for row in rows if row.what_if_cost_per_success is not None]
    if report.what_if:
        price = f"at a what-if price of {report.what_if.price_per_hour:f} {report.what_if.currency} an hour"
        if supposed:
            cost, row = min(supposed, key=lambda entry: entry[0])
            said.append(
                f"{price}, which nobody paid, {'it' if paid else 'cheapest per success'} would be {names[row]}: "
                f"{significant(cost)} {report.what_if.currency}{_between(row.what_if_cost_per_success_interval)}"
            )
        elif not paid:
            said.append(f"{price}, too, there is no cost of a success, as no run hit")
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _sure(timed: Sequence[Row], names: Names, tasks: Sequence[Sequence[Row]]) -> str:
    """What comes next, and what all that rests on."""
    kinds = {row.machine for rows in tasks for row in rows}
    said = [f"the next, {names[row]}, took {_seconds(row)} ({_median(row)})" for row in timed[1:2]]
    also = "; ".join(f"{_attempts(rows)} {_other(rows[0], tasks[0][0])}" for rows in tasks[1:])
    all_in_all = f"{_attempts([row for rows in tasks for row in rows])} on {plural(len(kinds), 'kind')} of machine"
    said.append(f"all in all there are {all_in_all}{f' ({also} among them)' if also else ''}")
    about = ""
    if timed and timed[0].time_s_interval:
        type_known = timed[0].machines is not None and timed[0].machines >= TYPE_FROM
        about = f", that of the fastest about {'its type of machine' if type_known else 'the machines that ran'}"
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}; brackets are {100 * LEVEL:g} % intervals{about}."


def task(row: Row) -> str:
    """What the runs of a row were to reach, behind "runs" or "fastest"."""
    if row.target is None:
        return "to their end"
    if row.dataset is None:
        return f"to {row.metric} {'≥' if row.direction == 'at least' else '≤'} {row.target:.6g}"
    return f"to {100 * row.target:.6g} %{'' if row.dataset == 'cifar10' else f' on {row.dataset}'}"


def _other(row: Row, first: Row) -> str:
    """What sets runs apart from those that the answer is about: what they were to reach, or their clock."""
    return (
        task(row) if task(row) != task(first) else f"{task(row)} on another clock, which counts {', '.join(row.counts)}"
    )


def _names(rows: Sequence[Row]) -> Names:
    """What the sentences call each of `rows`: what ran where, and how, where several ran there."""
    return dict(zip(rows, told_apart([f"{row.recipe} on {row.machine}" for row in rows], rows), strict=True))


def _attempts(rows: Sequence[Row]) -> str:
    return plural(sum(row.runs for row in rows), "run")


def _median(row: Row) -> str:
    runs = "one run" if row.timed == 1 else f"median of {row.timed} runs"
    return runs if row.machines is None else f"{runs} on {plural(row.machines, 'machine')}"


def _seconds(row: Row) -> str:
    assert row.time_s is not None
    return f"{significant(row.time_s)} s{_between(row.time_s_interval)}"


def _between(interval: Interval | None, show: Callable[[float], str] = significant) -> str:
    if interval is None:
        return ""
    return f" [{show(interval.low)}, {show(interval.high)}]"
