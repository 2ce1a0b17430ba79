"""A question for prices, and its answer: offers, and which sources failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bench.billing.offers.gpus import matches
from bench.billing.prices import Offer
from bench.record.documents import PricingCategory


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

    def admits(self, offer: Offer) -> bool:
        """Whether `offer` answers this. One whose source names no region answers for every region."""
        return (
            self.wants(offer.provider)
            and offer.category == self.category
            and (self.gpu is None or matches(self.gpu, offer.accelerators.name))
            and (self.region is None or offer.region is None or offer.region.casefold() == self.region.casefold())
        )


@dataclass(frozen=True)
class Failure:
    """A source, or a part of one, that gave no prices."""

    source: str
    why: str


@dataclass(frozen=True)
class Answer:
    """What one source, or all of them, had to say."""

    offers: Sequence[Offer] = ()
    failures: Sequence[Failure] = ()


def known(amount: Decimal | None) -> Decimal | None:
    """`amount` as a price: a catalogue that says 0 does not know, since nobody rents machines out for nothing."""
    return amount if amount is not None and amount.is_finite() and amount > 0 else None


def in_short(error: Exception) -> str:
    """What an error of somebody else's says, on one line of bearable length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
