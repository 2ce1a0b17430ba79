"""The launch of a cell: the machine that it asks for, and the variables and secrets that go to the machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from bench import variables
from bench.errors import BenchError, StoreError
from bench.sweep.orchestration.state import CellState
from bench.sweep.provisioning.provisioner import Instance, LaunchRequest, sweep_labels
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep
from bench.sweep.task_file import task_of

# Where an S3 that is not AWS's is; what these hold is no secret.
_PASSED_ON = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


def launch_request(
    sweep: Sweep,
    state: CellState,
    store: str,
    locator: str,
    environ: Mapping[str, str],
    records: Path | None,
    deadline: datetime | None = None,
) -> LaunchRequest:
    """What is asked for `state`'s cell. `store` is s3://…, or empty: the records stay on the machine.

    `locator` is the store of the sweep, as it travels with the machine; at `deadline` it ends its job by itself,
    whatever has become of the sweep, unless the sweep's file says otherwise.

    `records` is a folder of earlier records that go to the machine. Raises StoreError where the machine would have no
    credentials for the store.
    """
    envs = {
        **({variables.DEADLINE.name: str(ceil(deadline.timestamp()))} if deadline else {}),
        **sweep.envs,
        variables.RECIPES.name: " ".join(sweep.recipes),
        variables.RUNS.name: str(sweep.runs),
        variables.STORE.name: store,
        variables.LEASE_ID.name: state.lease_id,
        variables.SERIES_ID.name: state.series or state.lease_id,
        variables.LEASE_TAGS.name: f"{SWEEP_TAG}={state.cell.tag}",
    }
    if state.attempt > 1:
        envs[variables.LEASE_ATTEMPT.name] = str(state.attempt)
    if store:
        envs |= {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    return LaunchRequest(
        cluster=state.cell.cluster,
        task=state.cell.task,
        cloud=state.cell.cloud,
        spot=state.cell.spot,
        lease_id=state.lease_id,
        envs=envs,
        secrets=store_credentials(store) if store else {},
        records=records,
        accelerators=str(state.cell.accelerators) if state.cell.accelerators else None,
        labels=sweep_labels(sweep.name, locator),
    )


def machine_environment(instance: Instance, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows of the machine, and does not tell it, as variables."""
    values: dict[variables.Variable[Any], str] = {variables.SPOT: "1"} if instance.spot else {}
    if instance.price:
        # Without a price of its own, the type is looked up in the price book, which does not hold all.
        price = instance.price
        values |= {variables.PRICE_PER_HOUR: f"{price.amount:f}", variables.PRICE_SOURCE: price.source}
        if instance.instance_type:
            values[variables.INSTANCE] = f"{instance.provider}:{instance.instance_type}"
    if instance.accelerators:
        values[variables.ACCELERATORS] = str(instance.accelerators)
    if instance.resource_id:
        values[variables.RESOURCE_ID] = instance.resource_id
    if started:
        values[variables.LEASE_STARTED] = started.isoformat()
    return {variable.name: value for variable, value in values.items()}


def refuse_expensive(sweep: Sweep, cell: Cell, instance: Instance) -> None:
    """Raise BenchError for a machine that costs more than the max_hourly_cost of its task file.

    SkyPilot compares it, on Google, with the price of the machine without its GPU.
    """
    requests = task_of(cell, sweep.envs, sweep.recipes).requests
    fitting = [each.at_most for each in requests if each.provider in (None, instance.provider)]
    caps = [cap for cap in fitting if cap is not None]
    if instance.hourly is None or not caps or len(caps) < len(fitting):
        return
    if instance.hourly > max(caps):
        raise BenchError(
            f"{instance.provider} rented it at {instance.hourly} USD/h, and max_hourly_cost of {cell.task} is "
            f"{max(caps)}; it is given back"
        )


def store_credentials(store: str) -> dict[str, str]:
    """The credentials that boto3 finds here, as SkyPilot secrets. Raises StoreError where it finds none."""
    import boto3

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise StoreError(
            f"store {store}: no credentials for the machines to write there; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE"
        )
    frozen = credentials.get_frozen_credentials()
    return {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token or "",
    }
