"""bench down: rented machines given back."""

from __future__ import annotations

import sys

import click

from bench.cli import options
from bench.errors import BenchError, UsageError


@click.command()
@click.argument("which", required=False, metavar="[SWEEP|CLUSTER]")
@click.option("--all", "everything", is_flag=True, help="The machines of all sweeps.")
@options.store
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(which: str | None, everything: bool, store: str, yes: bool) -> None:
    """Give back the machines of SWEEP (its name or file), or the one called CLUSTER.

    First their records come home into the store; then the machines end, and their leases are closed.
    """
    from concurrent.futures import ThreadPoolExecutor

    from bench.cli.output import refuse
    from bench.cli.status import named
    from bench.cli.sweep import confirm
    from bench.store import open_store
    from bench.sweep.orchestration.clusters import end, select
    from bench.sweep.provisioning.skypilot import SkyPilot, quietly

    if (which is None) != everything:
        raise UsageError("bench down takes a sweep or a cluster, or --all")
    name, place = named(which, store)
    opened = open_store(place)
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        machines = select(provisioner.clusters(), name)
    if not machines:
        click.echo("nothing is rented" + (f" for {name}" if name else ""), err=True)
        return
    if not yes:
        click.echo("\n".join(machine.cluster for machine in machines), err=True)
        confirm("Give these back?")
    corrupt: list[BenchError] = []
    failed = False
    with quietly(), ThreadPoolExecutor(len(machines)) as pool:
        ending = [(machine, pool.submit(end, machine, provisioner, opened)) for machine in machines]
    for machine, future in ending:
        try:
            collected = future.result()
        except BenchError as error:
            failed = True
            click.echo(f"bench: {error}", err=True)
            continue
        click.echo(f"{machine.cluster}: given back; {collected.new} records came, {collected.known} were there already")
        corrupt += collected.errors
    if failed:
        sys.exit(BenchError.exit_code)
    refuse(corrupt)
