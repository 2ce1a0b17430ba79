"""Energy: the kWh of a run and of a success, and what those of a success cost at a price of electricity.

It is that of the GPUs that the runs used, by their own counters. Where one counter did not tell, a sum is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd

from analysis.tables.cost_table import Row
from bench.billing.prices import given_price
from bench.errors import UsageError

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


def note(electricity: Electricity | None) -> str:
    """The note to a table with energy: whose it is, and what it is without."""
    price = ""
    if electricity:
        price = f" Electricity: {electricity.price_per_kwh:f} {electricity.currency} a kWh, given by the user."
    return (
        "energy: of the GPUs that a run used, by their own counters, from its first step to its last evaluation, "
        "without processors, memory, cooling, and what made a recipe ready. Of all attempts, / hits; where one did not "
        f"tell it, it is unknown.{price}"
    )


def _with_energy(row: Row, joules: pd.Series[float], electricity: Electricity | None) -> Row:
    kwh = joules.loc[list(row.run_ids)] / _JOULES_A_KWH
    if kwh.empty or kwh.isna().any():
        return row
    success = float(kwh.sum()) / row.hits if row.hits else None
    cost = None
    if electricity and success is not None:
        cost = Decimal(str(success)) * electricity.price_per_kwh
    return replace(
        row,
        energy_kwh=float(kwh.median()),
        energy_kwh_per_success=success,
        electricity_price_per_kwh=electricity.price_per_kwh if electricity else None,
        electricity_currency=electricity.currency if electricity else None,
        electricity_cost_per_success=cost,
    )
