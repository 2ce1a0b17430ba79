"""The launch of a cell: its request, what the machine is told about itself, and what it may cost per hour."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from bench import variables
from bench.billing.prices import given_price
from bench.errors import BenchError
from bench.record.documents import Price
from bench.sweep.orchestration.state import CellState
from bench.sweep.provisioning.provisioner import Instance, LaunchRequest
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep
from bench.sweep.task_file import envs_of, task_of

# General variables in a sweep's file -> the specific ones set here, which would override them on the machine.
_OUTRANKED = {"AWS_ENDPOINT_URL": "AWS_ENDPOINT_URL_S3", "AWS_REGION": "AWS_DEFAULT_REGION"}


def launch_request(
    sweep: Sweep,
    state: CellState,
    store: str,
    labels: Mapping[str, str],
    records: Path | None,
    deadline: datetime | None = None,
    made: Collection[int] = (),
) -> LaunchRequest:
    """The launch request for `state`'s cell. `store` is s3://…, or empty: the records stay on the machine.

    `labels` are those of the sweep's machines; at `deadline` the machine ends its job by itself, even if the sweep is
    gone, unless the sweep's file says otherwise.

    `records` is a folder of earlier records to copy to the machine, `made` the indices of the runs of a task that are
    not repeated. Raises StoreError if the machine would have no credentials for the store.
    """
    settings, secrets = _access(store) if store else ({}, {})
    for general, name in _OUTRANKED.items():
        if general in sweep.envs:
            settings.pop(name, None)
    program = sweep.program_words(sweep.runs, made, deadline)
    what = {} if program else {variables.RECIPES.name: " ".join(sweep.recipes), variables.RUNS.name: str(sweep.runs)}
    envs = {
        **settings,
        **({variables.DEADLINE.name: str(ceil(deadline.timestamp()))} if deadline else {}),
        **sweep.envs,
        **what,
        variables.STORE.name: store,
        variables.LEASE_ID.name: state.lease_id,
        variables.SERIES_ID.name: state.series or state.lease_id,
        variables.LEASE_TAGS.name: f"{SWEEP_TAG}={state.cell.tag}",
    }
    if state.attempt > 1:
        envs[variables.LEASE_ATTEMPT.name] = str(state.attempt)
    return LaunchRequest(
        cluster=state.cell.cluster,
        task=state.cell.task,
        cloud=state.cell.cloud,
        spot=state.cell.spot,
        lease_id=state.lease_id,
        envs=envs,
        secrets=secrets,
        records=records,
        accelerators=str(state.cell.accelerators) if state.cell.accelerators else None,
        labels=labels,
        program=program,
    )


def _access(store: str) -> tuple[dict[str, str], dict[str, str]]:
    """The settings and secrets with which a machine writes to `store`. Raises StoreError if there are none."""
    from bench.store import s3_client  # boto3 is only needed for a bucket

    return s3_client.store_settings(store), s3_client.store_credentials(store)


def given_price_of(sweep: Sweep, cell: Cell) -> Price | None:
    """The price per hour given by the sweep or the task file, if any. Raises UsageError for an invalid one."""
    given = envs_of(cell, sweep.envs)
    amount = variables.PRICE_PER_HOUR.read(given)
    if amount is None:
        return None
    return given_price(amount, variables.CURRENCY.read(given) or "USD", "Dynamic" if cell.spot else "Standard")


def machine_environment(instance: Instance, given: Price | None, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows about the machine but does not tell it, as variables; a `given` price overrides its own."""
    values: dict[variables.Variable[Any], str] = {variables.SPOT: "1"} if instance.spot else {}
    if price := instance.price:
        # Without a given price the type would be looked up in the price book, which is not complete.
        if not given:
            values |= {variables.PRICE_PER_HOUR: f"{price.amount:f}", variables.PRICE_SOURCE: price.source}
            values[variables.CURRENCY] = price.currency
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

    On Google, SkyPilot compares it with the price of the machine without its GPU.
    """
    requests = task_of(cell, sweep.envs, sweep.recipes).requests
    fitting = [each.at_most for each in requests if each.provider in (None, instance.provider)]
    caps = [cap for cap in fitting if cap is not None]
    if instance.price is None or not caps or len(caps) < len(fitting):
        return
    if instance.price.amount > max(caps):
        raise BenchError(
            f"{instance.provider} rented it at {instance.price.amount} USD/h, and max_hourly_cost of {cell.task} is "
            f"{max(caps)}; it is given back"
        )
