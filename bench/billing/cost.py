"""Costs, exact to 28 digits. What is unknown stays unknown: None in, None out, never 0.

Amounts are in the currency of the price they come from. How a provider rounds and bills is not looked at:
this is time x price, DAWNBench's cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add

SECONDS_PER_HOUR = 3600


def train_cost(seconds: float | Decimal | None, hourly: Decimal | None) -> Decimal | None:
    """What `seconds` cost at `hourly` an hour; None where either is unknown.

    Raises ValueError for seconds that are negative or not finite: those are a defect, not an unknown.
    """
    if seconds is None or hourly is None:
        return None
    exact = Decimal(str(seconds))  # as printed: 2.59, not the double nearest to it
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{seconds} s is no length of time")
    return exact * hourly / SECONDS_PER_HOUR


def cost_per_success(costs: Sequence[Decimal | None], hits: int) -> Decimal | None:
    """What one success costs: the cost of all attempts, misses included, by the number that hit.

    None where an attempt's cost is unknown or nothing hit. Raises ValueError for more hits than attempts.
    """
    if not 0 <= hits <= len(costs):
        raise ValueError(f"{hits} hits in {len(costs)} attempts")
    known = [cost for cost in costs if cost is not None]
    if hits == 0 or len(known) < len(costs):
        return None
    return sum(known, Decimal(0)) / hits


@dataclass(frozen=True)
class Amount:
    """`value` in `currency` (ISO 4217). Raises TypeError for a float, ValueError for what is no amount."""

    value: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.value, Decimal):
            raise TypeError(f"{self.value!r} is not a Decimal")
        if not self.value.is_finite() or self.value < 0:
            raise ValueError(f"{self.value} is no amount of money")

    def __add__(self, other: Amount) -> Amount:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added: there is no rate between them")
        return Amount(self.value + other.value, self.currency)


def total(amounts: Iterable[Amount]) -> Amount | None:
    """All of them together; None where there are none. Raises ValueError for amounts in several currencies."""
    listed = list(amounts)
    return reduce(add, listed) if listed else None
