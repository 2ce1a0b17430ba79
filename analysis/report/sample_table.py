"""The table of samples for people: what a whole run would take and cost on each machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.samples.samples import SampleRow
from analysis.stats import LEVEL, Interval
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, Cell, Column, Table, significant

FOOTNOTES = (
    "s per step: over the whole window of the sample, pauses included; below it the 10th and 90th percentile of the "
    "intervals that were long enough to be timed.",
    "to the end: waiting and set-up where known, start-up, and s per step x steps; dollars by the provider's billing "
    f"rule, or time x price where none is known. Brackets: {100 * LEVEL:g} %, block bootstrap over the window.",
    "step at the target: the median over the runs of the same command that reached it.",
)
WHAT_IF = (
    "what-if: time x the what-if price, without a billing rule; nobody paid it, and another machine would take "
    "a different time."
)


def sample_table(rows: Sequence[SampleRow]) -> Table[SampleRow]:
    """One row a program, machine and price."""
    columns: tuple[Column[SampleRow], ...] = (
        Column("program", lambda row: row.program, numeric=False),
        Column("machine", _machine, numeric=False),
        Column(("price,", "USD/h"), _price),
        Column(("s per step", "[p10, p90]"), _step),
        Column(("USD per", "1,000 steps"), _per_1000),
        Column(("start-up,", "s"), lambda row: significant(row.start_up_s)),
        Column(("set-up,", "s"), lambda row: UNKNOWN if row.set_up_s is None else significant(row.set_up_s)),
        Column("steps", _steps),
        Column(("to the", "end, h"), lambda row: _with_interval(row.hours, row.hours_interval, significant)),
        Column(("to the end,", "all-in USD"), _cost),
        Column(("step at", "the target"), lambda row: row.step_at_target or NOT_APPLICABLE),
        *_what_if_columns(rows),
    )
    return Table(
        title="Samples: what a whole run would take and cost",
        columns=columns,
        items=rows,
        footnotes=_footnotes(rows),
        notes=lambda row: row.notes,
        label=2,
    )


def _what_if_columns(rows: Sequence[SampleRow]) -> tuple[Column[SampleRow], ...]:
    """The what-if columns: none unless the rows have a what-if price, which is then the same for all."""
    if not rows or rows[0].what_if_currency is None:
        return ()
    currency = rows[0].what_if_currency
    return (
        Column((f"what-if {currency}", "per 1,000 steps"), _what_if_per_1000),
        Column(("what-if to", f"the end, {currency}"), _what_if_cost),
    )


def _footnotes(rows: Sequence[SampleRow]) -> Sequence[str]:
    if not rows:
        return ()
    return (*FOOTNOTES, WHAT_IF) if rows[0].what_if_currency is not None else FOOTNOTES


def _what_if_per_1000(row: SampleRow) -> Cell:
    amount = row.what_if_cost_per_1000_steps
    return UNKNOWN if amount is None else significant(amount)


def _what_if_cost(row: SampleRow) -> Cell:
    cost = None if row.what_if_cost is None else float(row.what_if_cost)
    return _with_interval(cost, row.what_if_cost_interval, significant)


def _machine(row: SampleRow) -> Cell:
    return (row.machine, f"({row.instance})") if row.instance else row.machine


def _price(row: SampleRow) -> Cell:
    if row.price_per_hour is None:
        return UNKNOWN
    mark = CATEGORIES.get(row.pricing_category or "")
    return (_in(row, significant(row.price_per_hour)), *([mark] if mark else []))


def _step(row: SampleRow) -> Cell:
    if row.step_p10_s is None or row.step_p90_s is None:
        return significant(row.step_s)
    return (significant(row.step_s), f"[{significant(row.step_p10_s)}, {significant(row.step_p90_s)}]")


def _steps(row: SampleRow) -> Cell:
    return f"{row.steps} of {UNKNOWN if row.total_steps is None else row.total_steps}"


def _cost(row: SampleRow) -> Cell:
    if row.cost is None:
        return UNKNOWN
    return _with_interval(float(row.cost), row.cost_interval, lambda amount: _in(row, significant(amount)))


def _per_1000(row: SampleRow) -> Cell:
    return UNKNOWN if row.cost_per_1000_steps is None else _in(row, significant(row.cost_per_1000_steps))


def _with_interval(value: float | None, interval: Interval | None, show: Callable[[float], str]) -> Cell:
    if value is None:
        return UNKNOWN
    return (show(value), interval.text(show)) if interval else show(value)


def _in(row: SampleRow, amount: str) -> str:
    return amount if row.currency == "USD" else f"{amount} {row.currency}"
