"""bench lease: what lease this machine is on, what a job will make of it, and the end of one whose machine is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime

import click

from bench.cli.parts import complete_recipes, machine_options, parsed_time, store_option
from bench.cli.parts.job_cost import forecast_lines, job_forecast
from bench.lease import MachineOptions, close_lease, describe, find_machine, launch_of, lease_start
from bench.recipes import find
from bench.record.documents import utc_now
from bench.store import open_store
from bench.sweep.planning.duration import read_history, usual_folders
from bench.variables import IDLE_MINUTES


@click.group()
def lease() -> None:
    """Show the lease of this machine, forecast the cost of a job, or close a lease."""


@lease.command()
@machine_options
def show(machine: MachineOptions) -> None:
    """Print what `bench run` would detect here. Nothing is stored.

    That is the machine, the start of its lease with its source, and its price.
    """
    for line in in_words(machine, os.environ):
        click.echo(line)


@lease.command()
@click.argument("lease_id", metavar="ID")
@click.option(
    "--stopped",
    required=True,
    metavar="TIME",
    callback=parsed_time("%Y-%m-%dT%H:%M:%S%z", "a time with its zone, such as 2026-11-22T12:34:56Z"),
    help="Time at which the machine was given back, such as 2026-11-22T12:34:56Z.",
)
@click.option(
    "--reason",
    default="finished",
    show_default=True,
    help="Why it ended.",
    type=click.Choice(["finished", "failed", "interrupted", "preempted", "lost"]),
)
@store_option
def close(lease_id: str, stopped: datetime, reason: str, store: str) -> None:
    """Close the lease ID, whose machine disappeared before doing so.

    It stays open in the store until its end is known.
    """
    click.echo(close_lease(lease_id, stopped, reason, open_store(store)))  # type: ignore[arg-type]  # click.Choice allows just these


@lease.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE…", shell_complete=complete_recipes)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe.")
@click.option(
    "--gpus", default=1, show_default=True, type=click.IntRange(1), help="Number of GPUs that train together."
)
@machine_options
def forecast(
    recipes: tuple[str, ...],
    runs: int,
    gpus: int,
    machine: MachineOptions,
) -> None:
    """Forecast the cost of RECIPE… on this machine's lease.

    In seconds and dollars, before anything runs. Times come from the records in results and results/local, otherwise
    from the GPU's data sheet.
    """
    names = list(dict.fromkeys(find(name).name for name in recipes))
    found = find_machine(os.environ)
    opened = describe(machine, found, lease_start(found, os.environ), os.environ)
    history, _ = read_history(map(open_store, usual_folders()), names)
    idle_s = 60.0 * (IDLE_MINUTES.read(os.environ) or 0)
    job = job_forecast(opened, names, runs, gpus, history, idle_s, utc_now())
    for line in forecast_lines(job, opened, names, runs):
        click.echo(line)


_SOURCES = {
    "launcher": "from the launcher",
    "provider": "launch time, from the provider",
    "boot": "boot of the machine",
    "process": "start of this process",
}


def in_words(options: MachineOptions, environ: Mapping[str, str]) -> Iterator[str]:
    """`name: value` for each fact; `unknown` where nothing says. Raises UsageError like `bench run`."""
    machine = find_machine(environ)
    lease = describe(options, machine, lease_start(machine, environ), environ)
    launch = launch_of(environ)
    yield f"lease: of the launch {launch.id}" if launch else "lease: opened by the next `bench run`"
    yield f"provider: {lease.provider}"
    for field in ("region", "zone", "instance_type", "resource_id"):
        yield f"{field.replace('_', ' ')}: {getattr(lease, field) or 'unknown'}"
    gpus = lease.accelerators
    yield f"accelerators: {f'{gpus.count} x {gpus.name}' if gpus else 'unknown'}"
    spot = options.spot or (machine.spot if machine else None)
    yield f"spot: {'unknown' if spot is None else 'yes' if spot else 'no'}"
    price = lease.price
    yield "price: " + (
        f"{price.amount} {price.currency} per {price.unit}, {price.pricing_category} ({price.source}, {price.seen})"
        if price
        else "unknown; give --price-per-hour, or --instance for the price book"
    )
    yield f"began: {lease.started:%Y-%m-%dT%H:%M:%SZ} ({_SOURCES[lease.started_source]})"
    for phase in lease.phases:
        yield f"{phase.name}: {phase.seconds:.0f} s"
