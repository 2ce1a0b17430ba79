"""The two tables of a report for people: three significant digits, intervals, units in the header.

Money in another currency than USD names it in its cell. Unknown is spelled out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

from analysis.report.report import Report
from analysis.stats import Interval
from analysis.tables.cost_table import Row
from analysis.tables.footnotes import title
from analysis.tables.lease_table import LeaseRow
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, Cell, Column, Table, percent, plural, significant

LEASE_FOOTNOTES = (
    "time: the lease clock, from the start of a lease to its end, provision to teardown. time charged: the same "
    "under the provider's billing rule. Times and amounts are sums over the leases of the row; (1 of 2): only one "
    "of two is known.",
    "estimate: time charged x price, plus the priced parts beside the machine. billed: according to the bills that "
    "bench reconcile has stored, credits and tax included. difference: billed minus estimate, for leases with a "
    "complete bill.",
    "lease cost per success: the cost of all leases of the row, including those without a run, / the hits in them; "
    "unknown if the cost of any lease is. A lease costs what its complete bill says (as billed), otherwise its "
    "estimate. In brackets its 95 % interval, from 10 runs on: each run bears its share of its lease's cost.",
    "–: none, such as no bill yet.",  # noqa: RUF001 -- the dash that the cells hold
)


def cost_table(report: Report) -> Table[Row]:
    """The cost table: published entries dim, with ratios to one of them.

    Columns that are about images alone, or about that entry, are left out where no row has any of it.
    """
    of_images = not report.rows or any(row.dataset or row.accuracy is not None for row in report.rows)
    columns: tuple[Column[Row], ...] = (
        Column("recipe", _recipe, "recipe", numeric=False),
        Column("machine", _machine, "machine", numeric=False),
        Column(("target,", "% right") if of_images else "target", _target, "target"),
        Column(("price,", "USD/h"), _price, "price_per_hour"),
        Column("runs", _runs, "runs"),
        Column("hits", lambda row: row.hits, "hits"),
        Column(("P(hit),", "%"), lambda row: _estimate(row.p_hit, row.p_hit_interval, percent), "p_hit"),
        *(_ACCURACY if of_images else ()),
        Column(("median time", f"({report.policy}), s"), partial(_time, report.policy), "time_s"),
        Column(
            ("median train", "cost, USD"),
            lambda row: _money(row, row.train_cost, row.train_cost_interval),
            "train_cost",
        ),
        Column(
            ("cost per", "success, USD"),
            lambda row: _money(row, row.cost_per_success, row.cost_per_success_interval),
            "cost_per_success",
        ),
        *(_RATIOS if any(row.time_ratio is not None for row in report.rows) else ()),
        *_energy_columns(report),
        *_what_if_columns(report),
    )
    return Table(
        title=title(report.policy),
        headline=report.headline,
        columns=columns,
        items=report.rows,
        footnotes=report.footnotes,
        notes=lambda row: row.notes,
        dim=lambda row: row.kind == "published",
        label=2,
    )


_ACCURACY: tuple[Column[Row], ...] = (
    Column(
        ("mean", "accuracy, %"), lambda row: _estimate(row.accuracy, row.accuracy_interval, _hundredths), "accuracy"
    ),
)
_RATIOS: tuple[Column[Row], ...] = (
    Column(("time", "÷ Page's"), lambda row: _ratio(row.time_ratio, _machine_mark(row)), "time_ratio"),
    Column(("cost", "÷ Page's"), lambda row: _cost_ratio(row), "cost_ratio"),
)


def _energy_columns(report: Report) -> tuple[Column[Row], ...]:
    """The energy per success, with its cost below; none if no GPU reported energy and none was asked for."""
    if report.electricity is None and all(row.energy_kwh is None for row in report.rows):
        return ()
    return (Column(("energy per", "success, kWh"), _energy, "energy_kwh_per_success"),)


def _what_if_columns(report: Report) -> tuple[Column[Row], ...]:
    """The what-if columns, separate from the recorded prices: none unless asked for."""
    if report.what_if is None:
        return ()
    currency = report.what_if.currency
    return (
        Column(
            ("what-if train", f"cost, {currency}"),
            lambda row: _what_if(row.what_if_train_cost, row.what_if_train_cost_interval),
            "what_if_train_cost",
        ),
        Column(
            ("what-if cost per", f"success, {currency}"),
            lambda row: _what_if(row.what_if_cost_per_success, row.what_if_cost_per_success_interval),
            "what_if_cost_per_success",
        ),
    )


def lease_table(report: Report) -> Table[LeaseRow]:
    """The table of leases: estimate and bill side by side."""
    columns: tuple[Column[LeaseRow], ...] = (
        Column("machine", _leased, numeric=False),
        Column("paid as", lambda row: CATEGORIES.get(row.pricing_category or "", "price unknown"), numeric=False),
        Column("leases", _leases),
        Column(("time,", "s"), lambda row: _sum(row, row.time_s, row.timed)),
        Column(("time", "charged, s"), lambda row: _sum(row, row.charged_s, row.charged)),
        Column(("estimate,", "USD"), _estimated),
        Column(("billed,", "USD"), _billed),
        Column(("difference,", "USD"), _difference),
        Column("runs", lambda row: row.runs),
        Column("hits", lambda row: row.hits),
        Column(("lease cost per", "success, USD"), _per_success),
    )
    return Table(
        title="Leases: what was paid for",
        columns=columns,
        items=report.paid,
        footnotes=LEASE_FOOTNOTES if report.paid else (),
        notes=lambda row: row.notes,
        label=2,
    )


def _recipe(row: Row) -> Cell:
    return (row.recipe, "(published)") if row.kind == "published" else row.recipe


def _machine(row: Row) -> Cell:
    convolution = None if row.convolution == "direct" else row.convolution
    how = ", ".join(part for part in (row.precision, row.path, convolution, row.instance) if part)
    return (row.machine, f"({how})") if how else row.machine


def _runs(row: Row) -> Cell:
    broken = ((row.failed, "failed"), (row.interrupted, "interrupted"))
    machines = [] if row.machines is None else [f"on {plural(row.machines, 'machine')}"]
    return _with(str(row.runs), *machines, *(f"{count} {what}" for count, what in broken if count))


def _target(row: Row) -> Cell:
    if row.target is None:
        return "its end"
    if row.dataset is None:
        return (f"{row.metric} {'≥' if row.direction == 'at least' else '≤'}", f"{row.target:.6g}")
    return (f"{100 * row.target:.6g}", *([] if row.dataset == "cifar10" else [row.dataset]))


def _price(row: Row) -> Cell:
    if row.price_per_hour is None:
        return UNKNOWN
    mark = CATEGORIES.get(row.pricing_category or "")
    return (_in(row.currency, significant(row.price_per_hour)), *([mark] if mark else []))


def _money(row: Row, amount: Decimal | None, interval: Interval | None = None) -> Cell:
    if row.price_per_hour is None:
        return UNKNOWN
    if amount is None:
        return NOT_APPLICABLE
    return (_in(row.currency, significant(amount)), *_between(interval, significant))


def _what_if(amount: Decimal | None, interval: Interval | None = None) -> Cell:
    return NOT_APPLICABLE if amount is None else (significant(amount), *_between(interval, significant))


def _energy(row: Row) -> Cell:
    if row.kind == "published":
        return NOT_APPLICABLE
    if row.energy_kwh_per_success is None:
        return UNKNOWN if row.energy_kwh is None else NOT_APPLICABLE
    cost = row.electricity_cost_per_success
    money = "" if cost is None else f"{significant(cost)} {row.electricity_currency}"
    return _with(significant(row.energy_kwh_per_success), money)


def _time(policy: str, row: Row) -> Cell:
    # Published times were taken on another clock than the header names.
    clock = [f"({row.clock})"] if row.clock != policy else []
    left_out = [f"({significant(row.left_out_s)} left out)"] if row.left_out_s else []
    return (*_estimate(row.time_s, row.time_s_interval, significant), *clock, *left_out)


def _estimate(value: float | None, interval: Interval | None, show: Callable[[float], str]) -> Sequence[str]:
    return (NOT_APPLICABLE,) if value is None else (show(value), *_between(interval, show))


def _between(interval: Interval | None, show: Callable[[float], str]) -> Sequence[str]:
    return (interval.text(show),) if interval else ()


def _cost_ratio(row: Row) -> Cell:
    if row.time_ratio is not None and row.price_per_hour is None:
        return UNKNOWN
    other_price = ["‡"] if row.pricing_category in ("Dynamic", "Committed") else []
    return _ratio(row.cost_ratio, [*_machine_mark(row), *other_price])


def _ratio(ratio: float | None, marks: Sequence[str]) -> Cell:
    return NOT_APPLICABLE if ratio is None else " ".join([significant(ratio), *marks])


def _hundredths(share: float) -> str:
    # Not three digits: 93.96 would be 94.0, and so look like a hit. 0.01 % is one test image in 10,000.
    return f"{100 * share:.2f}"


def _machine_mark(row: Row) -> list[str]:
    return [] if row.same_machine else ["†"]


def _leased(row: LeaseRow) -> Cell:
    name = f"{row.provider}:{row.instance_type}" if row.instance_type else row.provider
    count = "" if row.accelerators in (None, 1) else f"{row.accelerators} x "
    return (name, f"{count}{row.accelerator}") if row.accelerator else name


def _leases(row: LeaseRow) -> Cell:
    states = ((row.open, "open"), (row.preempted, "preempted"), (row.lost, "lost"))
    return _with(str(row.leases), *(f"{count} {what}" for count, what in states if count))


def _sum(row: LeaseRow, value: float | None, of: int) -> Cell:
    return UNKNOWN if value is None else _with(significant(value), _share(row, of))


def _estimated(row: LeaseRow) -> Cell:
    if row.estimate is None:
        return UNKNOWN
    lower = row.estimate_lower
    least = "" if lower in (None, row.estimate) else f"or {significant(lower)}, contested"
    return _with(_in(row.currency, significant(row.estimate)), _share(row, row.estimated), least)


def _share(row: LeaseRow, count: int) -> str:
    """Of how many of the row's leases a sum is, where that is not all."""
    return f"{count} of {row.leases}" if count < row.leases else ""


def _billed(row: LeaseRow) -> Cell:
    if row.billed is None:
        return NOT_APPLICABLE
    partial = f"{row.billed_partial} partial" if row.billed_partial else ""
    return _with(_in(row.currency, significant(row.billed)), _share(row, row.billed_leases), partial)


def _difference(row: LeaseRow) -> Cell:
    if row.difference is None:
        return NOT_APPLICABLE
    sign = "+" if row.difference > 0 else ""
    return _with(_in(row.currency, f"{sign}{significant(row.difference)}"), _share(row, row.compared))


def _per_success(row: LeaseRow) -> Cell:
    if row.cost_per_success is None:
        return UNKNOWN if row.hits else NOT_APPLICABLE
    fewer = row.parts is not None and row.parts_priced is not None and row.parts_priced < row.parts
    estimated = row.success_billed < row.leases
    marks = [f"({row.parts_priced} of {row.parts} parts priced)"] if fewer and estimated else []
    if row.success_billed:
        marks.append(f"({row.success_billed} of {row.leases} as billed)" if estimated else "(as billed)")
    cost = _in(row.currency, significant(row.cost_per_success))
    return (cost, *_between(row.cost_per_success_interval, significant), *marks)


def _in(currency: str | None, amount: str) -> str:
    return amount if currency == "USD" else f"{amount} {currency}"


def _with(text: str, *remarks: str) -> Cell:
    """The text, and those of the remarks that there are in brackets below it."""
    known = [remark for remark in remarks if remark]
    return (text, f"({', '.join(known)})") if known else text
