"""Prices given by the reader: every run of a cost table priced a second time, and energy with its cost.

What if an hour of its machine had cost something else: the seconds stay those that were measured, and the prices of the
records stay beside them, in columns of their own. Energy is that of the GPUs that the runs used, by their own counters:
the kWh of a run and of a success. Where one counter did not tell, a sum is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from analysis.samples.samples import SampleRow
from analysis.stats import Interval
from analysis.tables.cost_table import Row, priced
from bench.billing import cost_per_success, find_offer, given_price, train_cost
from bench.errors import UsageError
from bench.record.documents import PricingCategory
from bench.text import CATEGORIES


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """A what-if price: `price_per_hour` for the whole machine, in `currency` (ISO 4217).

    `instance` is whose price it is, `accelerators` what GPUs that has; None, as is `seen`, for a price that the user
    gives.
    """

    price_per_hour: Decimal
    currency: str
    pricing_category: PricingCategory
    source: str
    seen: date | None = None
    instance: str | None = None
    accelerators: str | None = None


def what_if_price(
    instance: str | None = None, amount: str | None = None, *, currency: str | None = None, spot: bool = False
) -> WhatIf | None:
    """The price of `instance` (`aws:p5.4xlarge`) in the price book, or else `amount` an hour; None without either.

    `currency` is that of `amount`, USD unless given. Raises UsageError for an instance that the book lacks, with what
    is near; for what is no price; and for words that do not go together.
    """
    category: PricingCategory = "Dynamic" if spot else "Standard"
    if instance is not None and amount is not None:
        raise UsageError("--instance and --price-per-hour exclude each other; give one")
    if amount is None and currency is not None:
        raise UsageError("--currency needs --price-per-hour or --price-per-kwh")
    if amount is not None:
        price = given_price(amount, currency or "USD", category)
        return WhatIf(
            price_per_hour=price.amount, currency=price.currency, pricing_category=category, source=price.source
        )
    if instance is None:
        if spot:
            raise UsageError("--spot needs --instance or --price-per-hour")
        return None
    offer = find_offer(instance, category, catalogue=True)
    if offer.hourly is None:
        raise UsageError(f"{offer.name} has no amount in the price book; give --price-per-hour")
    return WhatIf(
        price_per_hour=offer.hourly,
        currency=offer.currency,
        pricing_category=category,
        source=offer.source,
        seen=offer.seen,
        instance=offer.name,
        accelerators=f"{offer.accelerators.count} x {offer.accelerators.name}",
    )


def repriced(rows: Iterable[Row], what_if: WhatIf) -> list[Row]:
    """`rows` of a cost table, those that were made of runs with their costs at `what_if` as well."""
    return [_repriced(row, what_if) if row.run_ids else row for row in rows]


def repriced_samples(rows: Iterable[SampleRow], what_if: WhatIf) -> list[SampleRow]:
    """`rows` of samples with their costs at `what_if` as well: time x price, as no provider's rule is known for it."""
    hourly = what_if.price_per_hour
    return [
        replace(
            row,
            what_if_price_per_hour=hourly,
            what_if_currency=what_if.currency,
            what_if_cost_per_1000_steps=train_cost(1000 * row.step_s, hourly),
            what_if_cost=None if row.hours is None else Decimal(str(row.hours)) * hourly,
            what_if_cost_interval=_of_hours(row.hours_interval, hourly),
        )
        for row in rows
    ]


def _of_hours(interval: Interval | None, hourly: Decimal) -> Interval | None:
    if interval is None:
        return None
    return interval._replace(low=interval.low * float(hourly), high=interval.high * float(hourly))


def _repriced(row: Row, what_if: WhatIf) -> Row:
    hourly = what_if.price_per_hour
    costs = [train_cost(None if math.isnan(seconds) else seconds, hourly) for seconds in row.run_attempts]
    return replace(
        row,
        what_if_price_per_hour=hourly,
        what_if_currency=what_if.currency,
        what_if_pricing_category=what_if.pricing_category,
        what_if_price_source=what_if.source,
        what_if_train_cost=train_cost(row.time_s, hourly),
        what_if_train_cost_interval=priced(row.time_s_interval, hourly),
        what_if_cost_per_success=cost_per_success(costs, row.hits),
        what_if_cost_per_success_interval=priced(row.time_per_success_s_interval, hourly),
    )


def what_if_note(what_if: WhatIf) -> str:
    """The note to a table with what-if columns: which price, whose, and what it does not touch."""
    of = f" of {what_if.instance} ({what_if.accelerators})" if what_if.instance else ""
    seen = f", seen {what_if.seen}" if what_if.seen else ""
    return (
        f"what-if: the seconds that each row's machine took, x {what_if.price_per_hour:f} {what_if.currency} per hour"
        f"{of}, {what_if.pricing_category} ({CATEGORIES[what_if.pricing_category]}); {what_if.source}{seen}. Nobody "
        "paid this price for these runs, and another machine would take a different time. All other figures, "
        "including leases, ratios and claims, use the recorded prices; published entries keep theirs."
    )


_JOULES_A_KWH = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Electricity:
    """What a kWh costs, in `currency` (ISO 4217), as the user gives it."""

    price_per_kwh: Decimal
    currency: str


def electricity_price(amount: str | None, currency: str | None = None) -> Electricity | None:
    """`amount` a kWh, in USD unless `currency` says otherwise; None without one. Raises UsageError for no price."""
    if amount is None:
        return None
    try:
        price = given_price(amount, currency or "USD")
    except UsageError as error:
        raise UsageError(f"--price-per-kwh: {error}") from None
    return Electricity(price_per_kwh=price.amount, currency=price.currency)


def with_energy(rows: Iterable[Row], frame: pd.DataFrame, electricity: Electricity | None = None) -> list[Row]:
    """`rows` of a cost table of the runs in `frame`, the measured ones with their energy, and its cost at a price."""
    joules = frame.set_index("run_id")["energy_joules"]
    if joules.isna().all():  # of a million runs without it none is looked at
        return list(rows)
    return [_with_energy(row, joules, electricity) if row.kind == "measured" else row for row in rows]


def energy_note(electricity: Electricity | None) -> str:
    """The note to a table with energy: whose it is, and what it is without."""
    price = ""
    if electricity:
        price = f" Electricity: {electricity.price_per_kwh:f} {electricity.currency} per kWh, given by the user."
    return (
        "energy: of the GPUs that a run used, by their own counters, from its first step to its last evaluation, "
        "without CPUs, memory, cooling and the recipe's warm-up. The energy of all runs / hits; unknown where a run "
        f"has no reading.{price}"
    )


def _with_energy(row: Row, joules: pd.Series[float], electricity: Electricity | None) -> Row:
    kwh = joules.to_numpy(float)[joules.index.get_indexer(pd.Index(row.run_ids))] / _JOULES_A_KWH
    if not len(kwh) or np.isnan(kwh).any():
        return row
    success = float(kwh.sum()) / row.hits if row.hits else None
    cost = None
    if electricity and success is not None:
        cost = Decimal(str(success)) * electricity.price_per_kwh
    return replace(
        row,
        energy_kwh=float(np.median(kwh)),
        energy_kwh_per_success=success,
        electricity_price_per_kwh=electricity.price_per_kwh if electricity else None,
        electricity_currency=electricity.currency if electricity else None,
        electricity_cost_per_success=cost,
    )
