"""bench collect: the records on a rented machine, copied into a store."""

from __future__ import annotations

import click

from bench.cli import options


@click.command()
@click.argument("cluster")
@options.store
def collect(cluster: str, store: str) -> None:
    """Copy the records in ~/bench-results of CLUSTER, as `sky status` calls it, into the store.

    Each is checked, and none overwrites another; what is there already stays as it is.
    """
    from bench.cli.output import refuse
    from bench.errors import BenchError
    from bench.store import open_store
    from bench.sweep.provisioning.collect import collect as collect_records
    from bench.sweep.provisioning.failure import failure_of_error
    from bench.sweep.provisioning.skypilot import SkyPilot, quietly

    opened = open_store(store)
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        try:
            records = list(provisioner.records(cluster))
        except Exception as error:  # SkyPilot and its clouds raise what they like
            raise BenchError(f"{cluster}: {failure_of_error(error).words}") from None
    collected = collect_records(records, cluster, opened)
    click.echo(f"{opened.name}: {collected.new} records came from {cluster}, {collected.known} were there already")
    refuse(collected.errors)
