"""The cost table: runs grouped by recipe, machine, target and price, then the published entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pandas as pd

from analysis.frames import (
    attempt_costs,
    by_machine,
    clock_of,
    counted,
    like_rows,
    machine_numbers,
    machines_of,
    whole_runs,
)
from analysis.published.dawnbench import entries as dawnbench
from analysis.stats import Interval, median_of, share
from analysis.tables.estimates import left_out_of, mean_of, success_of
from analysis.tables.footnotes import run_notes
from bench.billing import cost_per_success, train_cost
from bench.record.documents import Policy, Published
from bench.text import CATEGORIES, one_line


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the cost table. None is unknown or without an answer; `notes` says which where it matters.

    Shares are 0..1, times are seconds under `clock`, money is in `currency`. Text has gone through `one_line`.

    `run_ids` are of the runs that count, oldest first; a published entry of one run has none. `run_seconds` and
    `run_attempts` go with them: the time of each run, and what it used however it ended; NaN is unknown. `counts`: of
    published runs, the phases that their author's clock counts.

    `final` is the mean of the target's metric at the end; a program has no accuracy, and a row without a metric is of
    a program that was run to its end. `left_out_s` is the median of the seconds that the clock leaves out, in which
    what a process does once is whole for each run. Energy is that of the GPUs: of a run the median, of a success that
    of all attempts / hits (analysis.tables.given_prices). `what_if_…`: at a price that nobody paid.
    """

    kind: Literal["measured", "published"]
    recipe: str
    machine: str
    instance: str | None = None
    precision: str | None = None
    path: str | None = None
    convolution: str | None = None
    dataset: str | None = None
    target: float | None
    clock: str
    price_per_hour: Decimal | None
    currency: str | None
    pricing_category: str | None = None
    price_source: str | None = None
    price_seen: date | None = None
    runs: int
    completed: int
    failed: int = 0
    interrupted: int = 0
    invalid: int = 0
    hits: int
    p_hit: float | None = None
    p_hit_interval: Interval | None = None
    accuracy: float | None
    accuracy_interval: Interval | None = None
    timed: int
    time_s: float | None
    time_s_interval: Interval | None = None
    train_cost: Decimal | None
    train_cost_interval: Interval | None = None
    cost_per_success: Decimal | None = None
    time_ratio: float | None = None
    cost_ratio: float | None = None
    same_machine: bool | None = None
    notes: tuple[str, ...] = ()
    # Behind those of the first version: a column keeps its place in a CSV.
    metric: str | None = "accuracy"
    direction: str | None = "at least"
    final: float | None = None
    final_interval: Interval | None = None
    what_if_price_per_hour: Decimal | None = None
    what_if_currency: str | None = None
    what_if_pricing_category: str | None = None
    what_if_price_source: str | None = None
    what_if_train_cost: Decimal | None = None
    what_if_train_cost_interval: Interval | None = None
    what_if_cost_per_success: Decimal | None = None
    left_out_s: float | None = None
    energy_kwh: float | None = None
    energy_kwh_per_success: float | None = None
    electricity_price_per_kwh: Decimal | None = None
    electricity_currency: str | None = None
    electricity_cost_per_success: Decimal | None = None
    # Machines that the runs are of; None: not told of all of them.
    machines: int | None = None
    # What trying until one run hits takes: that of all attempts / hits.
    time_per_success_s: float | None = None
    time_per_success_s_interval: Interval | None = None
    cost_per_success_interval: Interval | None = None
    what_if_cost_per_success_interval: Interval | None = None
    counts: tuple[str, ...] = field(default=(), metadata={"flat": False})
    run_ids: tuple[str, ...] = field(default=(), repr=False, metadata={"flat": False})
    run_seconds: tuple[float, ...] = field(default=(), repr=False, compare=False, metadata={"flat": False})
    run_attempts: tuple[float, ...] = field(default=(), repr=False, compare=False, metadata={"flat": False})

    @property
    def single_entry(self) -> bool:
        """Whether it is a published entry: one run, chosen by its author."""
        return self.kind == "published" and not self.run_ids


# On-demand and spot, or two prices of one machine, never share a row; nor do ways of computing.
_KEYS = [
    "recipe",
    "machine",
    "precision",
    "path",
    "convolution",
    "instance",
    "dataset",
    "metric",
    "direction",
    "target",
    "hourly",
    "currency",
    "pricing_category",
]


def cost_table(frame: pd.DataFrame, policy: Policy, entries: Sequence[Published]) -> list[Row]:
    """Rows of the runs in `frame` (of `runs_frame`) under `policy`, then those of `entries`, in their order.

    Ratios are to David Page's entry, and None where it is not among them.
    """
    frame = whole_runs(frame)
    groups = frame.groupby(like_rows(frame, _KEYS), sort=False)
    measured = sorted((measured_row(group, policy) for _, group in groups), key=_order)
    rows = [*measured, *map(published_row, entries)]
    reference = next((published_row(entry) for entry in entries if entry.source_file == dawnbench.BASELINE), None)
    return [_compared(row, reference) for row in rows] if reference else rows


def measured_row(selected: pd.DataFrame, policy: Policy) -> Row:
    """The row of the like runs `selected`; those that do not count are its `invalid`."""
    runs = counted(selected)
    first: dict[str, Any] = {name: selected[name].iat[0] for name in (*_KEYS, "price_source", "price_seen")}
    clock = clock_of(selected, policy)
    hourly: Decimal | None = first["hourly"]
    n, hits = len(runs), int(runs["hit"].sum())
    status = runs["status"]
    is_completed = status == "completed"
    completed = runs if is_completed.all() else runs.loc[is_completed, ["final", "accuracy", "host_id"]]
    final = mean_of(completed, "final")
    # The target of a recipe is an accuracy, so that the two are one.
    accuracy = mean_of(completed, "accuracy") if selected["program"].any() else final
    times = runs[f"{clock}_s"].dropna()
    seconds, interval = median_of(times.to_numpy(float), by_machine(runs, times))
    success = success_of(runs, clock)
    return Row(
        kind="measured",
        recipe=one_line(first["recipe"]),
        machine=one_line(first["machine"]),
        instance=_text(first["instance"]),
        precision=_text(first["precision"]),
        path=_text(first["path"]),
        convolution=_text(first["convolution"]),
        dataset=_text(first["dataset"]),
        metric=_text(first["metric"]),
        direction=_text(first["direction"]),
        target=None if pd.isna(first["target"]) else float(first["target"]),
        clock=clock,
        price_per_hour=hourly,
        currency=_text(first["currency"]),
        pricing_category=_text(first["pricing_category"]),
        price_source=_text(first["price_source"]),
        price_seen=first["price_seen"],
        runs=n,
        completed=len(completed),
        failed=int((status == "failed").sum()),
        interrupted=int((status == "interrupted").sum()),
        invalid=len(selected) - n,
        hits=hits,
        p_hit=hits / n if n else None,
        p_hit_interval=share(runs["hit"].to_numpy(bool), machine_numbers(runs)) if n else None,
        accuracy=accuracy[0],
        accuracy_interval=accuracy[1],
        final=final[0],
        final_interval=final[1],
        timed=len(times),
        time_s=seconds,
        time_s_interval=interval,
        train_cost=train_cost(seconds, hourly),
        train_cost_interval=priced(interval, hourly),
        cost_per_success=cost_per_success(attempt_costs(runs, clock), hits),
        cost_per_success_interval=priced(success[1], hourly),
        time_per_success_s=success[0],
        time_per_success_s_interval=success[1],
        machines=machines_of(runs),
        notes=run_notes(selected, clock),
        left_out_s=left_out_of(runs, clock),
        run_ids=tuple(runs["run_id"].to_numpy(dtype=object)),  # not one by one, which takes a second for a million
        run_seconds=tuple(runs[f"{clock}_s"].tolist()),
        run_attempts=tuple(runs[f"{clock}_attempt_s"].tolist()),
    )


def published_row(entry: Published) -> Row:
    """The row of a published entry: one run, as its author chose it. So it has no P(hit)."""
    hit = entry.time_to_target_s is not None
    return Row(
        kind="published",
        recipe=one_line(f"{entry.author}: {entry.model}"),
        machine=one_line(entry.hardware),
        dataset=one_line(entry.target.dataset),
        target=entry.target.at_least,
        clock="dawnbench",
        price_per_hour=entry.cost_per_hour,
        currency=None if entry.cost_per_hour is None else entry.currency,
        price_source=one_line(entry.source),
        runs=1,
        completed=1,
        hits=int(hit),
        accuracy=entry.accuracy_at_target if hit else entry.best_accuracy,
        timed=int(hit),
        time_s=entry.time_to_target_s,
        train_cost=entry.cost,
    )


def _compared(row: Row, reference: Row) -> Row:
    """The row with its ratios to `reference`, where it reached the same quality on the same images."""
    if row.dataset != reference.dataset or not row.hits or row.time_s is None:
        return row
    if row.target is None or reference.target is None or row.target < reference.target:
        return row
    assert reference.time_s is not None
    cost_ratio = None
    if row.train_cost is not None and reference.train_cost and row.currency == reference.currency:
        cost_ratio = float(row.train_cost / reference.train_cost)
    return replace(
        row,
        time_ratio=row.time_s / reference.time_s,
        cost_ratio=cost_ratio,
        same_machine=_same_machine(row, reference),
    )


def _same_machine(row: Row, reference: Row) -> bool:
    """Whether the reference's hardware is the row's, or names the row's instance type as one of its words."""
    instance_type = (row.instance or row.machine).rpartition(":")[2]
    words = reference.machine.replace("(", " ").replace(")", " ").split()
    return row.machine == reference.machine or instance_type in words


def priced(interval: Interval | None, hourly: Decimal | None) -> Interval | None:
    """An `interval` of seconds as one of money at `hourly`; None where either is unknown."""
    # One price a row: cost is time by a constant, and so is its interval.
    if interval is None or hourly is None:
        return None
    low, high = train_cost(interval.low, hourly), train_cost(interval.high, hourly)
    assert low is not None
    assert high is not None
    return interval._replace(low=float(low), high=float(high))


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else one_line(value)


def _order(row: Row) -> tuple[Any, ...]:
    category = list(CATEGORIES).index(row.pricing_category) if row.pricing_category else len(CATEGORIES)
    return (
        row.dataset or "",
        row.metric or "",
        row.direction or "",
        row.target or 0.0,
        row.recipe,
        row.machine,
        row.precision or "",
        row.path or "",
        row.convolution or "",
        row.instance or "",
        category,
        row.currency or "",
        row.price_per_hour or Decimal(0),
    )
