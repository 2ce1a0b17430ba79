"""What a cell asks for: the machine, and what it is told before and after it is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from bench.cloud.began import STARTED
from bench.cloud.launch import ID, SERIES, TAGS
from bench.cloud.lease import ACCELERATORS, PRICE_SOURCE, RESOURCE
from bench.cloud.sweep.cells import Cell
from bench.cloud.sweep.file import Sweep
from bench.cloud.sweep.renting import Order, Rented
from bench.cloud.sweep.tally import SWEEP_TAG, sweep_tag
from bench.errors import StoreError
from bench.record.lease import TAG

CATALOGUE = "SkyPilot catalogue"
# Where an S3 that is not AWS's is; what these hold is no secret.
_PASSED_ON = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


def order_of(
    sweep: Sweep, cell: Cell, launch: str, series: str, store: str, environ: Mapping[str, str], records: Path | None
) -> Order:
    """The order of `cell` for the launch of that id. `store` is s3://…, or empty: the records stay on the machine.

    Raises StoreError where the machine would have no credentials for the store.
    """
    envs = {
        **sweep.envs,
        "BENCH_RECIPES": " ".join(sweep.recipes),
        "BENCH_RUNS": str(sweep.runs),
        "BENCH_STORE": store,
        ID: launch,
        SERIES: series,
        TAGS: f"{SWEEP_TAG}={sweep_tag(cell)}",
    }
    if store:
        envs |= {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    return Order(
        cell.cluster, cell.task, cell.cloud, cell.spot, envs, credentials(store) if store else {}, {TAG: launch},
        records,
    )  # fmt: skip


def facts(machine: Rented, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows of the machine and does not tell it."""
    told = {"BENCH_SPOT": "1"} if machine.spot else {}
    if machine.hourly is not None:
        # Without a price of its own, the type is looked up in the price book, which does not hold all.
        told |= {"BENCH_PRICE_PER_HOUR": f"{machine.hourly:f}", PRICE_SOURCE: CATALOGUE}
        told |= {"BENCH_INSTANCE": f"{machine.provider}:{machine.instance_type}"} if machine.instance_type else {}
    if gpus := machine.accelerators:
        told[ACCELERATORS] = f"{gpus.name}:{gpus.count}"
    if machine.resource_id:
        told[RESOURCE] = machine.resource_id
    if started:
        told[STARTED] = started.isoformat()
    return told


def credentials(store: str) -> dict[str, str]:
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
