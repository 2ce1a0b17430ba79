"""The dated book that comes with `bench`: always there, and older every day."""

from __future__ import annotations

from bench.billing.offers.quote import Answer, Query, Quote
from bench.billing.prices import machine_hourly, price_book


def ask(query: Query, until: float) -> Answer:
    """Every offer in the book."""
    return Answer(
        [
            Quote(
                provider=offer.provider,
                instance_type=offer.instance_type,
                gpu=offer.accelerators.name,
                gpus=offer.accelerators.count,
                region=offer.region,
                category=offer.price.pricing_category,
                hourly=machine_hourly(offer.price, offer.accelerators),
                currency=offer.price.currency,
                source=f"price book: {offer.price.source}",
                seen=offer.price.seen,
            )
            for offer in price_book()
        ]
    )
