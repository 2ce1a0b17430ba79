"""bench down: rented machines are given back, once their records are home."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import click

from bench.cli.parts.common import complete_files, confirm, refuse, store_option
from bench.cli.parts.machines import is_chosen, named
from bench.errors import BenchError, UsageError
from bench.store import open_store
from bench.sweep.orchestration.clusters import end, select, store_for
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.text import plural


@click.command()
@click.argument("which", required=False, metavar="[SWEEP|CLUSTER]", shell_complete=complete_files)
@click.option("--all", "everything", is_flag=True, help="The machines of all sweeps.")
@store_option
@click.option("--discard", is_flag=True, help="Also those whose records cannot be had: they are lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def down(context: click.Context, which: str | None, everything: bool, store: str, discard: bool, yes: bool) -> None:
    """Give back the machines of SWEEP (its name or file), or the one called CLUSTER.

    First their records come home, into the store of their sweep unless --store names another; then the machines end,
    and their leases are closed. A machine that does not answer stays: it may hold records. A record that is damaged,
    or in conflict with another, is named on stderr; the exit code is then 5.
    """
    if (which is None) != everything:
        raise UsageError("bench down takes a sweep or a cluster, or --all")
    name, cells, place = named(which, store)
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        machines = select(provisioner.clusters(), name, cells)
    if not machines:
        click.echo("nothing is rented" + (f" for {name}" if name else ""), err=True)
        return
    if not yes:
        click.echo("\n".join(machine.cluster for machine in machines), err=True)
        confirm("Give these back?")
    corrupt: list[BenchError] = []
    failed = False
    with quietly(), ThreadPoolExecutor(len(machines)) as pool:
        stores = {
            machine.cluster: open_store(place if is_chosen(context) else store_for(machine, place))
            for machine in machines
        }
        ending = [
            (machine, pool.submit(end, machine, provisioner, stores[machine.cluster], discard=discard))
            for machine in machines
        ]
    for machine, future in ending:
        try:
            collected = future.result()
        except BenchError as error:
            failed = True
            click.echo(f"bench: {error}", err=True)
            continue
        came = plural(collected.new, "record")
        click.echo(f"{machine.cluster}: given back; {came} came, {collected.known} already known")
        corrupt += collected.errors
    if failed:
        sys.exit(BenchError.exit_code)
    refuse(corrupt)
