"""An amount of money: exact, never negative, and never added to one of another currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add


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
