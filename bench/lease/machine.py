"""This rented machine, and the record of its lease as it would be opened now: price, start, tags.

It is detected by its firmware, SkyPilot and the provider's metadata server.

The metadata servers share one link-local address. It is queried only if the machine's firmware, SkyPilot or
the user names the provider, so that a laptop does not wait and no other network sees a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bench import variables
from bench.billing import find_offer, given_price, skypilot_name
from bench.concurrency import answers_within
from bench.errors import UsageError
from bench.host import boot_id, boot_time, process_time
from bench.lease.metadata import PROVIDERS, Machine, Provider, json_object, text_of, valid_name
from bench.programs.job import node_of
from bench.record.documents import (
    LEASE_TAG,
    OWN,
    Accelerators,
    LeaseOpened,
    Phase,
    PhaseName,
    Price,
    PricingCategory,
    StartedSource,
    of_nodes,
    utc_now,
)

PATIENCE = 0.8  # s, for all queries together
DMI = Path("/sys/class/dmi/id")
# Words in the firmware's tables. EC2 on Xen, such as p3, shows only in the BIOS version; a Hyper-V machine is
# Azure's if it has this asset tag.
_FIRMWARE = {"amazon": "aws", "google compute engine": "gcp", "7783-7084-3265-9085-8269-3286-77": "azure"}
_TABLES = ("sys_vendor", "bios_version", "product_name", "chassis_asset_tag")
# SkyPilot's clouds that rent out a container or a share of a host, not a machine that boots for its tenant.
_CONTAINERS = {"kubernetes", "slurm", "ssh", "runpod", "vast"}


def find_machine(environ: Mapping[str, str], dmi: Path = DMI) -> Machine | None:
    """The rented machine that this is; None for one's own and for an unknown one. Takes less than 1 s."""
    launched = _from_skypilot(environ)
    questions = {name: partial(p.find, environ, PATIENCE) for name, p in _asked(environ, dmi, launched).items()}
    detected = next((machine for _, machine in answers_within(PATIENCE, questions) if machine), None)
    if detected is None or launched is None or detected.provider != launched.provider:
        return launched or detected
    return replace(detected, region=detected.region or launched.region, zone=detected.zone or launched.zone)


def preempted(environ: Mapping[str, str], dmi: Path = DMI) -> bool:
    """Whether the provider has announced that it will take this machine back. Takes less than 1 s."""
    asked = _asked(environ, dmi, _from_skypilot(environ))
    questions = {name: partial(provider.preempted, environ, PATIENCE) for name, provider in asked.items()}
    return any(announced for _, announced in answers_within(PATIENCE, questions))


def _from_skypilot(environ: Mapping[str, str]) -> Machine | None:
    """The cloud, region and zone that SkyPilot passes to its tasks."""
    cluster = json_object(environ.get("SKYPILOT_CLUSTER_INFO"))
    cloud = valid_name(text_of(cluster, "cloud"))
    if cloud is None:
        return None
    provider = cloud.lower()
    return Machine(
        provider=provider,
        region=valid_name(text_of(cluster, "region")),
        zone=valid_name(text_of(cluster, "zone")),
        container=provider in _CONTAINERS,
    )


def _asked(environ: Mapping[str, str], dmi: Path, launched: Machine | None) -> dict[str, Provider]:
    if launched is not None:
        return {key: provider for key, provider in PROVIDERS.items() if key == launched.provider}
    firmware = " ".join(_read(dmi / table) for table in _TABLES).lower()
    named = {provider for words, provider in _FIRMWARE.items() if words in firmware}
    return {key: provider for key, provider in PROVIDERS.items() if key in named or environ.get(provider.endpoint)}


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


class LeaseStart(NamedTuple):
    """The start of a lease; `key` distinguishes starts on the same machine."""

    at: datetime
    source: StartedSource
    key: str


class MachineOptions(NamedTuple):
    """What the user or the launcher says about the machine; overrides what is detected. `instance`: provider:type.

    `currency` is that of `price_per_hour`, USD unless given.
    """

    instance: str | None = None
    price_per_hour: str | None = None
    currency: str | None = None
    spot: bool = False


def describe(
    options: MachineOptions, machine: Machine | None, start: LeaseStart, environ: Mapping[str, str]
) -> LeaseOpened:
    """The lease of this machine as it would be opened now. Raises UsageError for an invalid option or variable."""
    lease = lease_by_options(options) if machine is None or options.instance else _by_machine(options, machine)
    price = lease.price
    if price and options.price_per_hour and (source := variables.PRICE_SOURCE.read(environ)):
        price = price.model_copy(update={"source": source})
    fields = {
        "price": price,
        "accelerators": _given_accelerators(environ) or lease.accelerators,
        "region": (machine and machine.region) or lease.region,
        "zone": machine and machine.zone,
        "resource_id": (machine and machine.resource_id) or valid_name(variables.RESOURCE_ID.read(environ)),
        "started": start.at,
        "started_source": start.source,
        "phases": phases_until_now(start, environ),
        "attempt": variables.LEASE_ATTEMPT.read(environ),
        "tags": (variables.LEASE_TAGS.read(environ) or {}) | {LEASE_TAG: lease.id},
    }
    node = node_of(environ)
    return of_nodes(lease.model_copy(update=fields), node.number if node else 1)


def _given_accelerators(environ: Mapping[str, str]) -> Accelerators | None:
    """The GPUs named by the launcher, or by this machine's NVML, in SkyPilot's notation."""
    gpus = variables.ACCELERATORS.read(environ)
    return gpus and gpus.model_copy(update={"name": skypilot_name(gpus.name)})


def lease_by_options(options: MachineOptions) -> LeaseOpened:
    """A lease that begins now, of the machine that the options name; without options, of one's own machine.

    A given price overrides that of the price book. With neither, the price is unknown. Raises UsageError for an
    instance that the book does not contain, or an invalid price.
    """
    instance, category = options.instance, _category(spot=options.spot)
    price = _own_price(options, category)
    if instance is None:
        if options.spot and price is None:
            raise UsageError("--spot needs --instance or --price-per-hour")
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
    """A lease that begins now, of the machine as detected, at the given price or otherwise that of the book."""
    category = _category(spot=bool(options.spot or machine.spot))
    offer = None
    if machine.instance_type:
        # A type that the book does not contain is not the user's mistake: its price is unknown.
        with suppress(UsageError):
            offer = find_offer(f"{machine.provider}:{machine.instance_type}", category, machine.region)
    price = _own_price(options, category) or (offer.price if offer else None)
    return LeaseOpened(
        provider=machine.provider,
        instance_type=machine.instance_type,
        accelerators=offer.accelerators if offer else None,
        price=price,
        started=utc_now(),
    )


def _own_price(options: MachineOptions, category: PricingCategory) -> Price | None:
    """The price given by the user, if any. Raises UsageError for an invalid price, and for a currency without one."""
    if options.price_per_hour is not None:
        return given_price(options.price_per_hour, options.currency or "USD", category)
    if options.currency is not None:
        raise UsageError("--currency needs --price-per-hour")
    return None


def _category(*, spot: bool) -> PricingCategory:
    return "Dynamic" if spot else "Standard"


def lease_start(machine: Machine | None, environ: Mapping[str, str]) -> LeaseStart:
    """The first that is known: the launcher's time, the provider's launch time, the boot, the start of this process.

    A time by a provider's or a host's clock that was never set is skipped. Raises UsageError if BENCH_LEASE_STARTED is
    not plausible.
    """
    now = datetime.now(UTC)
    if stated := variables.LEASE_STARTED.read(environ):
        return LeaseStart(min(stated, now), "launcher", stated.isoformat())
    if machine and machine.launched and variables.FIRST_RENTED <= machine.launched <= now:
        return LeaseStart(machine.launched, "provider", machine.launched.isoformat())
    booted = boot_time() if machine and not machine.container else None
    if booted is not None and booted >= variables.FIRST_RENTED:
        return LeaseStart(booted, "boot", boot_id() or booted.isoformat(timespec="minutes"))
    at = process_time()
    return LeaseStart(at, "process", at.isoformat())


def phases_until_now(start: LeaseStart, environ: Mapping[str, str]) -> tuple[Phase, ...]:
    """The phases of BENCH_LEASE_PHASES up to the start of this process, in seconds after the lease began.

    The time up to the boot is `provision`, and from there to the first named phase `setup`. Raises UsageError for an
    invalid variable.
    """
    now = process_time()
    named = [(name, min(at, now)) for name, at in variables.LEASE_PHASES.read(environ) or ()]
    if start.source == "process":
        return ()
    edges: list[tuple[PhaseName | None, datetime]] = [*named, (None, now)]
    booted, first = boot_time(), edges[0][1]
    # Some providers charge from the boot instead of the launch: provisioning must not end later.
    if booted is not None and start.at <= booted <= first:
        edges = [("provision", start.at), ("setup" if named else None, booted), *edges]
    elif named:
        edges.insert(0, ("provision", start.at))
    phases = []
    for (name, begin), (_, end) in pairwise(edges):
        after, until = _seconds_after(start.at, begin), _seconds_after(start.at, end)
        if name is not None and until > after:
            phases.append(Phase(name=name, start=after, stop=until))
    return tuple(phases)


def _seconds_after(start: datetime, instant: datetime) -> float:
    return max(0.0, round((instant - start).total_seconds(), 6))
