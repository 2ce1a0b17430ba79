"""The record of a lease on this machine, as it would be opened now: the machine, its price, its start, its tags."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from bench import variables
from bench.billing.prices import find_offer, given_price
from bench.errors import UsageError
from bench.lease.metadata import Machine, name
from bench.lease.start import LeaseStart, phases_until_now
from bench.record.documents import LEASE_TAG, OWN, LeaseOpened, PricingCategory, utc_now


class MachineOptions(NamedTuple):
    """What the user or the launcher says of the machine; it outranks what is detected. `instance`: provider:type."""

    instance: str | None = None
    price_per_hour: str | None = None
    currency: str = "USD"
    spot: bool = False


def describe(
    options: MachineOptions, machine: Machine | None, start: LeaseStart, environ: Mapping[str, str]
) -> LeaseOpened:
    """The lease of this machine as it would be opened now. Raises UsageError where an option or a variable is wrong."""
    lease = lease_by_options(options) if machine is None or options.instance else _by_machine(options, machine)
    price = lease.price
    if price and options.price_per_hour and (source := variables.PRICE_SOURCE.read(environ)):
        price = price.model_copy(update={"source": source})
    fields = {
        "price": price,
        "accelerators": variables.ACCELERATORS.read(environ) or lease.accelerators,
        "region": (machine and machine.region) or lease.region,
        "zone": machine and machine.zone,
        "resource_id": (machine and machine.resource_id) or name(variables.RESOURCE_ID.read(environ)),
        "started": start.at,
        "started_source": start.source,
        "phases": phases_until_now(start, environ),
        "attempt": variables.LEASE_ATTEMPT.read(environ),
        "tags": (variables.LEASE_TAGS.read(environ) or {}) | {LEASE_TAG: lease.id},
    }
    return lease.model_copy(update=fields)


def lease_by_options(options: MachineOptions) -> LeaseOpened:
    """A lease that begins now, of the machine that the options name; with none of them, of one's own machine.

    A price that is given outranks the price book's. With neither, the price is unknown. Raises UsageError for an
    instance that the book does not know, or a price that is none.
    """
    instance, category = options.instance, _category(spot=options.spot)
    price = None
    if options.price_per_hour is not None:
        price = given_price(options.price_per_hour, options.currency, category)
    if instance is None:
        if options.spot and price is None:
            raise UsageError("--spot says how a machine is paid for; give --instance or --price-per-hour with it")
        return LeaseOpened(provider=OWN, price=price, started=utc_now())
    if price is None:
        offer = find_offer(instance, category)
        return LeaseOpened(
            provider=offer.provider,
            region=offer.region,
            instance_type=offer.instance_type,
            accelerators=offer.accelerators,
            price=offer.price,
            started=utc_now(),
        )
    provider, colon, instance_type = instance.partition(":")
    if not (provider and colon and instance_type):
        raise UsageError(f"--instance {instance!r} is not PROVIDER:TYPE, such as aws:p3.2xlarge")
    return LeaseOpened(provider=provider, instance_type=instance_type, price=price, started=utc_now())


def _by_machine(options: MachineOptions, machine: Machine) -> LeaseOpened:
    """A lease that begins now, of the machine as it was detected, at the price given or else the book's."""
    category = _category(spot=bool(options.spot or machine.spot))
    offer = None
    if machine.instance_type:
        # A type that the book does not hold is no mistake of the user's: its price is unknown.
        with suppress(UsageError):
            offer = find_offer(f"{machine.provider}:{machine.instance_type}", category, machine.region)
    price = offer.price if offer else None
    if options.price_per_hour is not None:
        price = given_price(options.price_per_hour, options.currency, category)
    return LeaseOpened(
        provider=machine.provider,
        instance_type=machine.instance_type,
        accelerators=offer.accelerators if offer else None,
        price=price,
        started=utc_now(),
    )


def _category(*, spot: bool) -> PricingCategory:
    return "Dynamic" if spot else "Standard"
