"""What `bench lease show` prints: the lease as it would be opened here, a fact a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.cloud.began import began
from bench.cloud.here import find_machine
from bench.cloud.launch import launch_of
from bench.cloud.lease import Given, describe

_SOURCES = {
    "launcher": "as the launcher says",
    "provider": "launch time, as the provider says",
    "boot": "boot of the machine",
    "process": "start of this process",
}


def in_words(given: Given, environ: Mapping[str, str]) -> Iterator[str]:
    """`name: value` for each fact; `unknown` where nothing says. Raises UsageError like `bench run`."""
    machine = find_machine(environ)
    lease = describe(given, machine, began(machine, environ), environ)
    launch = launch_of(environ)
    yield f"lease: of the launch {launch.id}" if launch else "lease: opened by the next `bench run`"
    yield f"provider: {lease.provider}"
    for field in ("region", "zone", "instance_type", "resource_id"):
        yield f"{field.replace('_', ' ')}: {getattr(lease, field) or 'unknown'}"
    gpus = lease.accelerators
    yield f"accelerators: {f'{gpus.count} x {gpus.name}' if gpus else 'unknown'}"
    spot = given.spot or (machine.spot if machine else None)
    yield f"spot: {'unknown' if spot is None else 'yes' if spot else 'no'}"
    price = lease.price
    yield "price: " + (
        f"{price.amount} {price.currency} per {price.unit}, {price.pricing_category} ({price.source}, {price.seen})"
        if price
        else "unknown; give --price-per-hour, or --instance for the price book"
    )
    yield f"began: {lease.started:%Y-%m-%dT%H:%M:%SZ} ({_SOURCES[lease.started_source]})"
    for phase in lease.phases:
        yield f"{phase.name}: {phase.stop - phase.start:.0f} s"
