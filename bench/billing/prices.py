"""Prices: the price book included in `bench`, prices given by the user, and what seconds cost at a price.

The book, `prices.csv`, holds one row an instance type and pricing category, each with the place it was read
and the day. Accelerators are named as SkyPilot names them. A price read once grows old; a user's own price
always goes before it. `catalogue.csv`, an extract of SkyPilot's catalogue, has the cheapest machine of a cloud and GPU:
what it holds and what it leaves out stands on its top.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache, reduce
from importlib.resources import files
from operator import add

from bench.errors import UsageError
from bench.record.documents import Accelerators, Price, PriceUnit, PricingCategory, of_machine
from bench.text import CATEGORIES, did_you_mean

# More an hour than any machine costs: beyond it, arithmetic overflows before a table does.
_ABSURD = Decimal(1_000_000_000)
STALE_AFTER = timedelta(days=30)
SECONDS_PER_HOUR = 3600
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


@dataclass(frozen=True)
class Offer:
    """What a provider asks for one instance type. None: `region` not named by the source, `amount` not known to it.

    `seen` is the day on which the source had this price, `seen_at` the instant where it is known.
    """

    provider: str
    instance_type: str
    accelerators: Accelerators
    region: str | None
    category: PricingCategory
    amount: Decimal | None
    currency: str
    source: str
    seen: date
    seen_at: datetime | None = None
    unit: PriceUnit = "machine-hour"

    @property
    def name(self) -> str:
        """The instance as a user types it: `aws:p3.2xlarge`."""
        return f"{self.provider}:{self.instance_type}"

    @property
    def hourly(self) -> Decimal | None:
        """What an hour of the whole machine costs."""
        return None if self.amount is None else of_machine(self.amount, self.unit, self.accelerators.count)

    @property
    def per_gpu(self) -> Decimal | None:
        """What an hour of one of its GPUs costs."""
        return None if self.hourly is None else self.hourly / self.accelerators.count

    @property
    def price(self) -> Price | None:
        """The price as a lease records it."""
        if self.amount is None:
            return None
        return Price(
            amount=self.amount,
            currency=self.currency,
            unit=self.unit,
            pricing_category=self.category,
            source=self.source,
            seen=self.seen,
        )

    def stale(self, today: date) -> bool:
        """Whether it was seen more than 30 days before `today`."""
        return today - self.seen > STALE_AFTER


@cache
def price_book() -> tuple[Offer, ...]:
    """Every offer in the book, in its order. The file is read at the first call."""
    return tuple(_offers("prices.csv"))


@cache
def catalogue_extract() -> tuple[Offer, ...]:
    """Every offer in the extract of SkyPilot's catalogue, in its order. The file is read at the first call."""
    return tuple(_offers("catalogue.csv"))


def _offers(name: str) -> Iterator[Offer]:
    text = files("bench.billing").joinpath(name).read_text(encoding="utf-8")
    yield from map(_offer, csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def _offer(row: dict[str, str]) -> Offer:
    accelerators = Accelerators(name=row["accelerator"], count=int(row["accelerators"]))
    price = Price.model_validate(
        {field: row[field] for field in ("amount", "currency", "unit", "pricing_category", "source", "seen")}
    )
    return Offer(
        provider=row["provider"],
        instance_type=row["instance_type"],
        accelerators=accelerators,
        region=row["region"] or None,
        category=price.pricing_category,
        amount=price.amount,
        currency=price.currency,
        source=price.source,
        seen=price.seen,
        unit=price.unit,
    )


def find_offer(
    name: str, category: PricingCategory = "Standard", region: str | None = None, *, catalogue: bool = False
) -> Offer:
    """The offer for `name`, such as `aws:p3.2xlarge`, in the book; case does not matter.

    With `catalogue`, of the extract of SkyPilot's where the book has none of that name and category: what a machine
    costs at least, somewhere, which is no price of a lease.

    With a region: the offer for it, or else the one whose source named no region, which its `source` says.
    Raises UsageError, with what is there, for a name, category or region that the book does not hold.
    """
    books = (price_book(), catalogue_extract()) if catalogue else (price_book(),)
    named = [[offer for offer in book if offer.name.casefold() == name.casefold()] for book in books]
    if not any(named):
        near = did_you_mean(name, (offer.name for book in books for offer in book), most=3)
        raise UsageError(
            f"no price for {name} in the price book (bench/billing/prices.csv); "
            f"{f'{near} Or ' if near else ''}give --price-per-hour"
        )
    alike = ([offer for offer in found if offer.category == category] for found in named)
    offers = next(filter(None, alike), [])
    if not offers:
        held = sorted({CATEGORIES[offer.category] for found in named for offer in found})
        raise UsageError(
            f"no {CATEGORIES[category]} price for {name}, only {', '.join(held)}; or give --price-per-hour"
        )
    return _in_region(offers, name, region)


def _in_region(offers: Sequence[Offer], name: str, region: str | None) -> Offer:
    for wanted in (region, None):
        matching = [offer for offer in offers if offer.region == wanted]
        if matching:
            return matching[0]
    held = sorted(offer.region for offer in offers if offer.region)
    if region is None and len(offers) == 1:
        return offers[0]
    where = f"in {region}" if region else "without a region"
    raise UsageError(f"no price for {name} {where}, only in {', '.join(held)}; or give --price-per-hour")


def given_price(amount: str, currency: str = "USD", category: PricingCategory = "Standard") -> Price:
    """The price of one hour of the machine, as the user gives it today (UTC).

    0 is a price like any other, for a machine that costs nothing; a price not known is no price, never 0.
    Raises UsageError for what is no price or no currency.
    """
    if not _CURRENCY.fullmatch(currency):
        raise UsageError(f"{currency!r} is not a currency; give its three letters (ISO 4217), such as USD")
    return Price(
        amount=_amount(amount),
        currency=currency.upper(),
        unit="machine-hour",
        pricing_category=category,
        source="given by the user",
        seen=datetime.now(UTC).date(),
    )


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{text!r} is not a price; give a number, such as 3.06") from None
    if not amount.is_finite() or amount.is_signed() or amount >= _ABSURD:
        raise UsageError(f"{text!r} is not a price; give a number from 0 to below a billion, such as 3.06")
    return amount


def machine_hourly(price: Price | None, accelerators: Accelerators | None) -> Decimal | None:
    """What one hour of the whole machine costs, in the price's currency.

    None, unknown, without a price, or with a price per GPU and no number of GPUs.
    """
    if price is None:
        return None
    return of_machine(price.amount, price.unit, accelerators.count if accelerators else None)


def train_cost(seconds: float | Decimal | None, hourly: Decimal | None) -> Decimal | None:
    """What `seconds` cost at `hourly` an hour; None where either is unknown.

    Raises ValueError for seconds that are negative or not finite: those are a defect, not an unknown.
    """
    if seconds is None or hourly is None:
        return None
    exact = Decimal(str(seconds))  # as printed: 2.59, not the double nearest to it
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{seconds} s is not a duration")
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
            raise ValueError(f"{self.value} is not an amount of money")

    def __add__(self, other: Amount) -> Amount:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added: no exchange rate")
        return Amount(self.value + other.value, self.currency)


def total(amounts: Iterable[Amount]) -> Amount | None:
    """The sum of `amounts`; None where there are none. Raises ValueError for amounts in several currencies."""
    listed = list(amounts)
    return reduce(add, listed) if listed else None
