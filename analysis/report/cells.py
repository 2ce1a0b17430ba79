"""A row's numbers as people read them: three significant digits, intervals, units in the header.

A cell is a few lines: the table sets them below each other, Markdown beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from analysis.stats.intervals import Interval
from analysis.tables.row import Row
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, significant

Cell = tuple[str, ...]


def headers(policy: str) -> list[Cell]:
    """The table's headers, units included. Money in another currency than USD names it in its cell."""
    return [
        ("recipe",),
        ("machine",),
        ("target,", "% right"),
        ("price,", "USD/h"),
        ("runs",),
        ("hits",),
        ("P(hit),", "%"),
        ("mean", "accuracy, %"),
        ("median time", f"({policy}), s"),
        ("median train", "cost, USD"),
        ("cost per", "success, USD"),
        ("time", "÷ Page's"),
        ("cost", "÷ Page's"),
    ]


NUMERIC_FROM = 2  # the columns from here on hold numbers


def cells(row: Row, policy: str, marks: Sequence[int]) -> list[Cell]:
    """The row's cells, in the order of `headers(policy)`; `marks` are the numbers of its notes."""
    return [
        _recipe(row, marks),
        _machine(row),
        (f"{100 * row.target:.6g}", *([] if row.dataset == "cifar10" else [row.dataset])),
        _price(row),
        _runs(row),
        (str(row.hits),),
        _estimate(row.p_hit, row.p_hit_interval, _percent),
        _estimate(row.accuracy, row.accuracy_interval, _accuracy),
        _time(row, policy),
        _money(row, row.train_cost, row.train_cost_interval),
        _money(row, row.cost_per_success),
        _ratio(row.time_ratio, [] if row.same_machine else ["†"]),
        _cost_ratio(row),
    ]


def _recipe(row: Row, marks: Sequence[int]) -> Cell:
    name = f"{row.recipe} ({', '.join(map(str, marks))})" if marks else row.recipe
    return (name, "(published)") if row.kind == "published" else (name,)


def _machine(row: Row) -> Cell:
    convolution = None if row.convolution == "direct" else row.convolution
    how = ", ".join(part for part in (row.precision, row.path, convolution, row.instance) if part)
    return (row.machine, f"({how})") if how else (row.machine,)


def _runs(row: Row) -> Cell:
    broken = ((row.failed, "failed"), (row.interrupted, "interrupted"))
    said = ", ".join(f"{count} {what}" for count, what in broken if count)
    return (str(row.runs), f"({said})") if said else (str(row.runs),)


def _price(row: Row) -> Cell:
    if row.price_per_hour is None:
        return (UNKNOWN,)
    mark = CATEGORIES.get(row.pricing_category or "")
    return (_in_currency(row, significant(row.price_per_hour)), *([mark] if mark else []))


def _money(row: Row, amount: Decimal | None, interval: Interval | None = None) -> Cell:
    if row.price_per_hour is None:
        return (UNKNOWN,)
    if amount is None:
        return (NOT_APPLICABLE,)
    return (_in_currency(row, significant(amount)), *_between(interval, significant))


def _in_currency(row: Row, amount: str) -> str:
    return amount if row.currency == "USD" else f"{amount} {row.currency}"


def _time(row: Row, policy: str) -> Cell:
    # Published times were taken on another clock than the header names.
    clock = [f"({row.clock})"] if row.clock != policy else []
    return (*_estimate(row.time_s, row.time_s_interval, significant), *clock)


def _estimate(value: float | None, interval: Interval | None, show: Callable[[float], str]) -> Cell:
    return (NOT_APPLICABLE,) if value is None else (show(value), *_between(interval, show))


def _between(interval: Interval | None, show: Callable[[float], str]) -> Cell:
    return (f"[{show(interval.low)}, {show(interval.high)}]",) if interval else ()


def _cost_ratio(row: Row) -> Cell:
    if row.time_ratio is not None and row.price_per_hour is None:
        return (UNKNOWN,)
    other_machine = [] if row.same_machine else ["†"]
    other_price = ["‡"] if row.pricing_category in ("Dynamic", "Committed") else []
    return _ratio(row.cost_ratio, [*other_machine, *other_price])


def _ratio(ratio: float | None, marks: Sequence[str]) -> Cell:
    return (NOT_APPLICABLE,) if ratio is None else (" ".join([significant(ratio), *marks]),)


def _percent(share: float) -> str:
    return significant(100 * share)


def _accuracy(share: float) -> str:
    # Not three digits: 93.96 would be 94.0, and so look like a hit. 0.01 % is one test image in 10,000.
    return f"{100 * share:.2f}"
