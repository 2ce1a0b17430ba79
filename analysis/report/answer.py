"""The answer of a report in a few sentences: what was fastest, what was cheapest, and how sure that is.

Nothing is called the fastest on fewer runs than an interval of a median takes, nor the cheapest per success on fewer
than its interval takes; and nothing that has no rival with as many.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from analysis.plots.names import disambiguated
from analysis.report.report import Report
from analysis.stats import LEVEL, MEDIAN_FROM, SUCCESS_FROM, TYPE_FROM, Interval
from analysis.tables.cost_table import Row
from bench.record.documents import Policy
from bench.text import CATEGORIES, percent, plural, significant

Names = Mapping[Row, str]


class _Success(NamedTuple):
    """What a success of a row takes, in `currency`, at the price of `paid_as`."""

    cost: Decimal
    interval: Interval | None
    row: Row
    currency: str
    paid_as: str = ""


def answer(report: Report) -> list[str]:
    """A paragraph each: the fastest, the cheapest, and what that rests on.

    Rows to one target are compared, those of the target with the most runs; the others are named. A row stands for its
    target only on the clock of the report, and with a run that hit. Without runs of our own, they are about published
    runs, those whose authors counted the same.
    """
    rows = first_rows(report.rows)
    tasks = _tasks(rows)
    if all(row.single_entry for row in rows):
        return [report.headline]
    rows = tasks[0]
    timed, names = _by_time(rows, report.policy), _names(rows)
    enough = [row for row in timed if row.timed >= MEDIAN_FROM]
    first = _fastest(timed, enough, names) if timed else _untimed(rows, report.policy)
    costs, evidence = _cost(rows, names, report), _evidence(enough or timed[:1], names, tasks)
    brackets = [_brackets(enough or timed[:1])] if any("[" in text for text in (first, *costs, *evidence)) else []
    return [first, _sentences(costs), _sentences([*evidence, *brackets])]


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


def _untimed(rows: Sequence[Row], policy: Policy) -> str:
    """Why none of `rows` has a time: no run hit, or those that did have none on the clock `policy`."""
    hits = sum(row.hits for row in rows)
    if hits:
        return f"{hits:,} of {_attempts(rows)} {task(rows[0])} hit, but none of them has a time on the {policy} clock."
    return f"None of {_attempts(rows)} {'completed' if rows[0].target is None else f'{task(rows[0])} hit the target'}."


def _fastest(timed: Sequence[Row], enough: Sequence[Row], names: Names) -> str:
    """The first of `enough`, the rows of `timed` with runs enough, if there are two."""
    if not enough and len(timed) > 1:
        most = max(row.timed for row in timed)
        return (
            f"Not enough runs to name the fastest {task(timed[0])}: that needs {MEDIAN_FROM} timed runs, and no row "
            f"has more than {most}; medians range from {_seconds(timed[0])} to {_seconds(timed[-1])}."
        )
    row = (enough or timed)[0]
    share = "" if row.p_hit is None else f" ({percent(row.p_hit)} %{_between(row.p_hit_interval, percent)})"
    hit = "completed" if row.target is None else "at the target"
    facts = f"({row.clock} clock, {_median(row)}), with {row.hits:,} of {plural(row.runs, 'run')} {hit}{share}"
    if len(enough) < 2:
        others = _no_rival(enough, timed, f"{MEDIAN_FROM} or more timed runs")
        return f"{names[row]} took {_seconds(row)} {task(row)} {facts}{others}."
    among = _among(enough, timed, f"{MEDIAN_FROM} or more timed runs")
    return f"Fastest {task(row)} was {names[row]}: {_seconds(row)} {facts}{among}."


def _cost(rows: Sequence[Row], names: Names, report: Report) -> list[str]:
    """The lowest cost per success, at the recorded prices and at the what-if price."""
    said = []
    paid = [
        _Success(row.cost_per_success, row.cost_per_success_interval, row, row.currency, _paid_as(row, names))
        for row in rows
        if row.cost_per_success is not None and row.currency is not None
    ]
    # Currencies have no rank among each other.
    for currency in sorted({success.currency for success in paid}, key=lambda code: (code != "USD", code)):
        said.append(_cheapest([each for each in paid if each.currency == currency], rows, names, ("was", "cost")))
    if report.what_if:
        currency = report.what_if.currency
        supposed = [
            _Success(row.what_if_cost_per_success, row.what_if_cost_per_success_interval, row, currency)
            for row in rows
            if row.what_if_cost_per_success is not None
        ]
        price = f"at a what-if price of {report.what_if.price_per_hour:f} {currency} per hour, which nobody paid"
        if supposed:
            said.append(f"{price}, {_cheapest(supposed, rows, names, ('would be', 'would cost'))}")
    return said or [_no_cost(rows, report)]


def _no_cost(rows: Sequence[Row], report: Report) -> str:
    """Why there is no cost of a success in any of `rows`."""
    hit = [row for row in rows if row.hits]
    if not hit:
        return "there is no cost per success, since no run hit"
    if report.what_if or any(row.price_per_hour is not None for row in hit):
        return f"the cost per success is unknown, since some runs have no time on the {hit[0].clock} clock"
    return (
        "the cost per success is unknown, since no row that hit has a price: bench report --price-per-hour shows what "
        "it would be"
    )


def _cheapest(found: Sequence[_Success], rows: Sequence[Row], names: Names, verbs: tuple[str, str]) -> str:
    """The cheapest of `found` among those with runs enough, if there are two; `verbs`: it was, it cost."""
    was, cost = verbs
    ranked = sorted(found, key=lambda success: success.cost)
    enough = [success for success in ranked if success.row.runs >= SUCCESS_FROM]
    if not enough and len(ranked) > 1:
        return (
            f"not enough runs to say what {was} cheapest per success: that needs {SUCCESS_FROM} runs, and no row with "
            f"a cost has more than {max(success.row.runs for success in ranked)}; costs range from "
            f"{significant(ranked[0].cost)} to {significant(ranked[-1].cost)} {ranked[0].currency}"
        )
    first = (enough or ranked)[0]
    what = f"a cost from {SUCCESS_FROM} or more runs"
    if len(enough) < 2:
        others = _no_rival(enough, rows, f"{what} in {first.currency}")
        return f"a success of {names[first.row]} {cost} {_amount(first)}{others}"
    return (
        f"cheapest per success {was} {names[first.row]}: {_amount(first)}{_among(enough, rows, what)}"
        f"{_next_cheapest(first, enough[1], names)}"
    )


def _next_cheapest(first: _Success, second: _Success, names: Names) -> str:
    """The second, where their intervals do not tell the two apart."""
    if not _overlap(first.interval, second.interval):
        return ""
    return f", with an interval that overlaps that of the next, {names[second.row]}: {_amount(second)}"


def _amount(success: _Success) -> str:
    return (
        f"{significant(success.cost)} {success.currency}{_between(success.interval)} "
        f"({success.paid_as}{plural(success.row.runs, 'run')})"
    )


def _overlap(first: Interval | None, second: Interval | None) -> bool:
    """Whether the intervals of two neighbours in a rank share a value; of an unknown one nothing is known."""
    return first is None or second is None or first.high >= second.low


def _paid_as(row: Row, names: Names) -> str:
    category = CATEGORIES.get(row.pricing_category or "", "")
    return f"{category}, " if category and f"({category}" not in names[row] else ""


def _among(enough: Sequence[object], rows: Sequence[Row], what: str) -> str:
    """Among how many of `rows` one was the first, where that is not all."""
    return f", among the {len(enough)} of {len(rows)} rows with {what}" if len(enough) < len(rows) else ""


def _no_rival(enough: Sequence[object], rows: Sequence[Row], what: str) -> str:
    """Why nothing is called the first of `rows`: `enough` holds at most one."""
    return f"; no {'other ' if enough else ''}row has {what}" if len(rows) > 1 else ""


def _sentences(said: Sequence[str]) -> str:
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in said)


def _evidence(timed: Sequence[Row], names: Names, tasks: Sequence[Sequence[Row]]) -> list[str]:
    """The second fastest, and the number of runs behind the answer."""
    kinds = {row.machine for rows in tasks for row in rows}
    said = [
        f"the next, {names[row]}, took {_seconds(row)} ({_median(row)})"
        f"{', with an interval that overlaps' if _overlap(timed[0].time_s_interval, row.time_s_interval) else ''}"
        for row in timed[1:2]
    ]
    also = "; ".join(f"{_attempts(rows)} {_other(rows[0], tasks[0][0])}" for rows in tasks[1:])
    all_in_all = f"{_attempts([row for rows in tasks for row in rows])} on {plural(len(kinds), 'kind')} of machine"
    said.append(f"in total {all_in_all}{f' (including {also})' if also else ''}")
    return said


def _brackets(timed: Sequence[Row]) -> str:
    """What stands in brackets, and what the interval of the first time is about."""
    about = ""
    if timed and timed[0].time_s_interval:
        type_known = timed[0].machines is not None and timed[0].machines >= TYPE_FROM
        which = "the fastest" if len(timed) > 1 else "the time"
        about = f", that of {which} for {'its machine type' if type_known else 'the machines that ran'}"
    return f"brackets are {100 * LEVEL:g} % intervals{about}"


def task(row: Row) -> str:
    """What the runs of a row were to reach, behind "runs" or "fastest"."""
    if row.target is None:
        return "to the end"
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
    plain = [f"{_isolated(row.recipe)} on {_isolated(row.machine)}" for row in rows]
    found = zip(plain, disambiguated(plain, rows), strict=True)
    names = [name if name == full else f"{name} ({full.removeprefix(f'{name}, ')})" for name, full in found]
    return dict(zip(rows, names, strict=True))


def _isolated(name: str) -> str:
    """`name`; one written from right to left is kept apart from the numbers behind it, which would change sides."""
    mirrored = any(unicodedata.bidirectional(character) in ("R", "AL") for character in name)
    return f"\u2068{name}\u2069" if mirrored else name


def _attempts(rows: Sequence[Row]) -> str:
    return plural(sum(row.runs for row in rows), "run")


def _median(row: Row) -> str:
    runs = "one run" if row.timed == 1 else f"median of {row.timed:,} runs"
    return runs if row.machines is None else f"{runs} on {plural(row.machines, 'machine')}"


def _seconds(row: Row) -> str:
    assert row.time_s is not None
    return f"{significant(row.time_s)} s{_between(row.time_s_interval)}"


def _between(interval: Interval | None, show: Callable[[float], str] = significant) -> str:
    return f" {interval.text(show)}" if interval else ""
