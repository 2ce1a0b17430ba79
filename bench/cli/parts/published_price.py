"""What published runs are priced at: an instance's price, or one an hour of the machine or of one accelerator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from bench.billing.prices import find_offer, given_price
from bench.cli.parts.common import together
from bench.errors import UsageError
from bench.record.documents import Price, PricingCategory, PublishedRuns

# No variables: BENCH_INSTANCE and the others say what this machine is, which has no part in what others ran.
_options = together(
    click.option(
        "--instance", metavar="PROVIDER:TYPE", help="Price the runs as this machine, such as aws:p5.48xlarge."
    ),
    click.option("--price-per-hour", metavar="AMOUNT", help="Price them at this for an hour of one machine."),
    click.option("--price-per-accelerator-hour", metavar="AMOUNT", help="Or at this for an hour of one accelerator."),
    click.option("--spot", is_flag=True, help="It is a spot price (with one of these three)."),
    click.option("--currency", metavar="CODE", help="Of an AMOUNT, ISO 4217.  [default: USD]"),
)


@dataclass(frozen=True)
class PublishedPrice:
    """The price that the options name; nothing of it is looked up yet."""

    instance: str | None
    per_hour: str | None
    per_accelerator_hour: str | None
    spot: bool
    currency: str | None

    @property
    def given(self) -> bool:
        """Whether there is one. Raises UsageError for options that do not go together."""
        amounts = [self.instance, self.per_hour, self.per_accelerator_hour]
        prices = sum(amount is not None for amount in amounts)
        if prices > 1:
            raise UsageError("give one price: --instance, --price-per-hour or --price-per-accelerator-hour")
        if self.spot and not prices:
            raise UsageError("--spot says which price: give one of the three too")
        if self.currency is not None and (not prices or self.instance is not None):
            raise UsageError("--currency is that of an AMOUNT an hour; give both, or neither")
        return bool(prices)

    def of(self, series: PublishedRuns) -> Price | None:
        """The price of the runs in `series`; None without one.

        Raises UsageError for what is no price, and for an instance with another number of accelerators than the runs
        had, or where that is not told and has to be.
        """
        if not self.given:
            return None
        category: PricingCategory = "Dynamic" if self.spot else "Standard"
        if self.instance is None:
            price = given_price(self.per_hour or self.per_accelerator_hour or "", self.currency or "USD", category)
            if self.per_hour is not None:
                return price
            if series.accelerators is None:
                raise UsageError(f"{series.label}: how many accelerators it had is not told; give --accelerators")
            return price.model_copy(update={"unit": "gpu-hour"})
        offer = find_offer(self.instance, category, catalogue=True)
        if offer.hourly is None:
            raise UsageError(f"{offer.name} has no amount in the price book; give --price-per-hour")
        if series.accelerators is not None and offer.accelerators.count != series.accelerators:
            raise UsageError(
                f"{offer.name} has {offer.accelerators.count} accelerators, and {series.label} ran on machines with "
                f"{series.accelerators}; give --price-per-accelerator-hour"
            )
        return Price(
            amount=offer.hourly,
            currency=offer.currency,
            pricing_category=category,
            source=f"{offer.name} ({offer.accelerators.count} x {offer.accelerators.name}), {offer.source}",
            seen=offer.seen,
        )


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """Pass `price`, the PublishedPrice that the user gives by options."""

    @wraps(command)
    def with_price(
        *words: Any,
        instance: str | None,
        price_per_hour: str | None,
        price_per_accelerator_hour: str | None,
        spot: bool,
        currency: str | None,
        **more: Any,
    ) -> None:
        price = PublishedPrice(instance, price_per_hour, price_per_accelerator_hour, spot, currency)
        command(*words, price=price, **more)

    return _options(with_price)
