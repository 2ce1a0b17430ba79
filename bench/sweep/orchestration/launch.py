"""What a cell asks for: the machine, and what it is told before and after it is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import variables
from bench.errors import StoreError
from bench.record.documents import LEASE_TAG, CloseReason, LeaseClosed, LeaseOpened, Phase, Price, utc_now
from bench.store import Store
from bench.sweep.orchestration.records import SWEEP_TAG, keys_in, sweep_tag
from bench.sweep.provisioning.provisioner import Instance, LaunchRequest, Uptime
from bench.sweep.spec import Cell, Sweep

CATALOGUE = "SkyPilot catalogue"
# Where an S3 that is not AWS's is; what these hold is no secret.
_PASSED_ON = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


def launch_request(
    sweep: Sweep, cell: Cell, launch: str, series: str, store: str, environ: Mapping[str, str], records: Path | None
) -> LaunchRequest:
    """The order of `cell` for the launch of that id. `store` is s3://…, or empty: the records stay on the machine.

    Raises StoreError where the machine would have no credentials for the store.
    """
    envs = {
        **sweep.envs,
        variables.RECIPES.name: " ".join(sweep.recipes),
        variables.RUNS.name: str(sweep.runs),
        variables.STORE.name: store,
        variables.LEASE_ID.name: launch,
        variables.SERIES_ID.name: series,
        variables.LEASE_TAGS.name: f"{SWEEP_TAG}={sweep_tag(cell)}",
    }
    if store:
        envs |= {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    return LaunchRequest(
        cell.cluster,
        cell.task,
        cell.cloud,
        cell.spot,
        envs,
        store_credentials(store) if store else {},
        {LEASE_TAG: launch},
        records,
    )


def machine_environment(machine: Instance, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows of the machine and does not tell it."""
    values: dict[variables.Variable[Any], str] = {variables.SPOT: "1"} if machine.spot else {}
    if machine.hourly is not None:
        # Without a price of its own, the type is looked up in the price book, which does not hold all.
        values |= {variables.PRICE_PER_HOUR: f"{machine.hourly:f}", variables.PRICE_SOURCE: CATALOGUE}
        if machine.instance_type:
            values[variables.INSTANCE] = f"{machine.provider}:{machine.instance_type}"
    if machine.accelerators:
        values[variables.ACCELERATORS] = str(machine.accelerators)
    if machine.resource_id:
        values[variables.RESOURCE_ID] = machine.resource_id
    if started:
        values[variables.LEASE_STARTED] = started.isoformat()
    return {variable.name: value for variable, value in values.items()}


def store_credentials(store: str) -> dict[str, str]:
    """The credentials that boto3 finds here, as SkyPilot secrets. Raises StoreError where it finds none."""
    import boto3

    found = boto3.Session().get_credentials()
    if found is None:
        raise StoreError(
            f"store {store}: no credentials for the machines to write there; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE"
        )
    frozen = found.get_frozen_credentials()
    return {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token or "",
    }


def close_lease(
    launch: str,
    tags: Mapping[str, str],
    machine: Instance,
    there: datetime | None,
    uptime: Uptime,
    reason: CloseReason,
    store: Store,
) -> None:
    """Close the lease of the launch, if it is not closed, at the time that SkyPilot ended the machine.

    Where the machine never came to open it, it is opened with the launcher's facts and `tags`: the machine was there,
    and prepared from then on, since `there`. Raises StoreError where the store does not take it.
    """
    if uptime.stopped is None:
        return
    keys = set(keys_in(store, f"v1/leases/{launch}/"))
    closed = LeaseClosed(id=launch, stopped=uptime.stopped, stopped_source="launcher", reason=reason)
    opened = _opened(launch, tags, machine, there, uptime)
    if closed.key() in keys:
        return
    if opened.key() not in keys:
        store.put(opened)
    else:
        found = store.read(opened.key())
        if isinstance(found, LeaseOpened):  # two clocks: nothing ends before it began
            closed = closed.model_copy(update={"stopped": max(closed.stopped, found.started)})
    store.put(closed)


def _opened(
    launch: str, tags: Mapping[str, str], machine: Instance, there: datetime | None, uptime: Uptime
) -> LeaseOpened:
    price = None
    if machine.hourly is not None:
        price = Price(
            amount=machine.hourly,
            pricing_category="Dynamic" if machine.spot else "Standard",
            source=CATALOGUE,
            currency="USD",
            seen=utc_now().date(),
        )
    return LeaseOpened(
        id=launch,
        provider=machine.provider,
        region=machine.region,
        zone=machine.zone,
        instance_type=machine.instance_type,
        resource_id=machine.resource_id,
        accelerators=machine.accelerators,
        price=price,
        started=uptime.started,
        started_source="launcher",
        attempt=1,
        phases=tuple(_phases(uptime, there)),
        tags={LEASE_TAG: launch, **tags},
    )


def _phases(uptime: Uptime, there: datetime | None) -> list[Phase]:
    """All that a launcher sees of a machine that made no run: when it was there, and when it went."""
    assert uptime.stopped is not None  # `settle` asked
    whole = (uptime.stopped - uptime.started).total_seconds()
    provision = min(max((there - uptime.started).total_seconds(), 0.0), whole) if there else whole
    phases = [Phase(name="provision", start=0, stop=provision), Phase(name="setup", start=provision, stop=whole)]
    return [phase for phase in phases if phase.stop > phase.start]
