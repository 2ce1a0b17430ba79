"""What a lease costs beside the machine: disk, public address, egress. Prices are data, in `parts.toml`.

A part that has no price, or of which nobody knows how much was used, is unpriced; it never counts as 0.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from bench.billing.cost import SECONDS_PER_HOUR, Amount
from bench.record.documents import Money, Part

PartName = Literal["machine", "disk", "public-ip", "egress"]
BESIDE: tuple[PartName, ...] = ("disk", "public-ip", "egress")
MONTH_S = 30 * 24 * SECONDS_PER_HOUR


class PartPrice(Part):
    """What a provider asks for one unit of a part."""

    provider: str = Field(pattern=r"^[a-z]+$")
    part: PartName
    amount: Money
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")
    per: Literal["GB-month", "address-hour", "GB"]
    source: str = Field(pattern=r"^https://")
    read: date


class PartBook(Part):
    """Everything that `parts.toml` holds."""

    parts: tuple[PartPrice, ...] = Field(alias="part")


@dataclass(frozen=True)
class Usage:
    """How much of each part a lease used. None: not known."""

    disk_gb: Decimal | None = None
    addresses: int | None = None
    egress_gb: Decimal | None = None

    def of(self, part: PartName) -> Decimal | None:
        """The quantity of `part`, in gigabytes or addresses."""
        found = {"disk": self.disk_gb, "public-ip": self.addresses, "egress": self.egress_gb}[part]
        return None if found is None else Decimal(found)


@dataclass(frozen=True)
class PartCost:
    """One part of a lease and what it costs. Without an amount, `why` says what is missing."""

    part: PartName
    amount: Amount | None
    why: str = ""


@cache
def part_book() -> tuple[PartPrice, ...]:
    """Every price in `parts.toml`. The file is read at the first call."""
    text = files("bench.billing").joinpath("parts.toml").read_text(encoding="utf-8")
    return PartBook.model_validate(tomllib.loads(text)).parts


def part_cost(provider: str, part: PartName, used: Decimal | None, seconds: Decimal, currency: str) -> PartCost:
    """What `used` gigabytes or addresses of `part` cost over `seconds`, in `currency`."""
    if used == 0:
        return PartCost(part, Amount(Decimal(0), currency))
    price = next((p for p in part_book() if (p.provider, p.part) == (provider.casefold(), part)), None)
    if price is None:
        return PartCost(part, None, "no price known")
    if price.currency != currency:
        return PartCost(part, None, f"its price is in {price.currency}, the machine's in {currency}")
    if price.amount == 0:
        return PartCost(part, Amount(Decimal(0), currency))
    if used is None:
        return PartCost(part, None, "not known how much of it was used")
    asked = price.amount * used
    if price.per != "GB":
        asked = asked * seconds / (MONTH_S if price.per == "GB-month" else SECONDS_PER_HOUR)
    return PartCost(part, Amount(asked, currency))
