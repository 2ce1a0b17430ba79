"""bench status: the machines that sweeps rent now."""

from __future__ import annotations

import click

from bench.billing.offers.skypilot import installed
from bench.cli.parts.common import complain, complete_files, store_option
from bench.cli.parts.machines import is_chosen, named
from bench.store import open_store
from bench.sweep.orchestration.clusters import open_clusters, rows, select, store_for
from bench.sweep.orchestration.progress import span
from bench.sweep.provisioning.provisioner import ClusterStatus
from bench.sweep.provisioning.skypilot import SkyPilot, quietly


@click.command()
@click.argument("sweep", required=False, metavar="[SWEEP]", shell_complete=complete_files)
@store_option
@click.pass_context
def status(context: click.Context, sweep: str | None, store: str) -> None:
    """List the machines of SWEEP, by its name or file, or of all sweeps: state, age, price, dollars so far.

    The runs are those that the sweep's store has from each, or the one that --store names. Without SkyPilot nothing
    can be said but that no lease of a sweep is open in the store.
    """
    name, cells, place = named(sweep, store)
    chosen = is_chosen(context)
    if not installed() and not open_clusters(open_store(place), name):
        click.echo(
            f"nothing is rented, by the leases in {place}; SkyPilot, which knows of others, is not here", err=True
        )
        return
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        by_store: dict[str, list[ClusterStatus]] = {}
        for machine in select(provisioner.clusters(), name, cells):
            by_store.setdefault(place if chosen else store_for(machine, place), []).append(machine)
        tables = [rows(machines, open_store(where)) for where, machines in by_store.items()]
    for row in (row for machines, _ in tables for row in machines):
        price = "price unknown" if row.hourly is None else f"{row.hourly} USD/h"
        dollars = "unknown" if row.dollars is None else f"{row.dollars:.2f}"
        runs = "unknown" if row.runs is None else str(row.runs)
        click.echo(f"{row.cluster}: {row.state}, {span(row.age)}, {price}, {dollars} USD so far, runs: {runs}")
    if not tables:
        click.echo("nothing is rented" + (f" for {name}" if name else ""), err=True)
    complain(error for _, error in tables if error)
