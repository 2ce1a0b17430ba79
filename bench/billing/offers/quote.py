"""A question for prices, and an answer: one price of one machine, with where it was read and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from bench.billing.offers.gpus import matches
from bench.record.documents import PricingCategory

STALE_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Query:
    """Which prices are wanted. None: any."""

    gpu: str | None = None
    spot: bool = False
    cloud: str | None = None
    region: str | None = None

    @property
    def category(self) -> PricingCategory:
        """On-demand and spot prices are never mixed."""
        return "Dynamic" if self.spot else "Standard"

    def wants(self, provider: str) -> bool:
        """Whether prices of `provider` are asked for."""
        return self.cloud is None or self.cloud.casefold() == provider.casefold()

    def admits(self, quote: Quote) -> bool:
        """Whether `quote` answers this. One whose source names no region answers for every region."""
        return (
            self.wants(quote.provider)
            and quote.category == self.category
            and (self.gpu is None or matches(self.gpu, quote.gpu))
            and (self.region is None or quote.region is None or quote.region.casefold() == self.region.casefold())
        )


@dataclass(frozen=True)
class Quote:
    """The price of one machine. `hourly` is that of the whole machine; None: the source does not know it.

    `seen` is the day on which the source had this price, `seen_at` the instant where it is known.
    """

    provider: str
    instance_type: str
    gpu: str
    gpus: int
    region: str | None
    category: PricingCategory
    hourly: Decimal | None
    currency: str
    source: str
    seen: date
    seen_at: datetime | None = None

    @property
    def per_gpu(self) -> Decimal | None:
        """The price of one GPU for an hour."""
        return None if self.hourly is None else self.hourly / self.gpus

    def stale(self, today: date) -> bool:
        """Whether it is older than 30 days."""
        return today - self.seen > STALE_AFTER


@dataclass(frozen=True)
class Failure:
    """A source, or a part of one, that gave no prices."""

    source: str
    why: str


@dataclass(frozen=True)
class Answer:
    """What one source, or all of them, had to say."""

    quotes: Sequence[Quote] = ()
    failures: Sequence[Failure] = ()


def known(amount: Decimal | None) -> Decimal | None:
    """`amount` as a price: a catalogue that says 0 does not know, since nobody rents machines out for nothing."""
    return amount if amount is not None and amount.is_finite() and amount > 0 else None


def in_short(error: Exception) -> str:
    """What an error of somebody else's says, on one line of bearable length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
