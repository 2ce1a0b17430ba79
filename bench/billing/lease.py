"""What a call of `bench run` knows of the machine it runs on, as the document that opens a lease."""

from __future__ import annotations

from bench.billing.prices import find_offer, given_price
from bench.errors import UsageError
from bench.record.documents import LeaseOpened, PricingCategory, utc_now
from bench.record.lease import OWN


def open_lease(instance: str | None, price_per_hour: str | None, currency: str, *, spot: bool) -> LeaseOpened:
    """A lease that begins now.

    `instance` is `provider:type`; a price that is given outranks the price book's. With neither, the price is
    unknown. Raises UsageError for an instance that the book does not know, or a price that is none.
    """
    category: PricingCategory = "Dynamic" if spot else "Standard"
    price = given_price(price_per_hour, currency, category) if price_per_hour is not None else None
    if instance is None:
        if spot and price is None:
            raise UsageError("--spot says how a machine is paid for; give --instance or --price-per-hour with it")
        return LeaseOpened(provider=OWN, price=price, started=utc_now())
    if price is None:
        offer = find_offer(instance, category)
        return LeaseOpened(
            provider=offer.provider, region=offer.region, instance_type=offer.instance_type,
            accelerators=offer.accelerators, price=offer.price, started=utc_now(),
        )  # fmt: skip
    provider, colon, instance_type = instance.partition(":")
    if not (provider and colon and instance_type):
        raise UsageError(f"--instance {instance!r} is not PROVIDER:TYPE, such as aws:p3.2xlarge")
    return LeaseOpened(provider=provider, instance_type=instance_type, price=price, started=utc_now())
