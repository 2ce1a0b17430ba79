"""bench collect: records from a rented machine, or from a job's log, into the store."""

from __future__ import annotations

import sys
from functools import partial
from io import BufferedReader

import click

from bench.cli.parts.common import complain, refuse, store_option
from bench.cli.parts.machines import is_chosen
from bench.errors import BenchError, StoreError, UsageError
from bench.store import Collected, Store, counting_collector, open_store, read_log
from bench.sweep.orchestration.clusters import collect_records, select, store_for
from bench.sweep.provisioning.failure import failure_of_error
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.text import plural

_CHUNK = 1 << 16


@click.command()
@click.argument("cluster", required=False)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.File("rb"),
    metavar="FILE",
    help="In place of a machine: what a terminal, `sky logs` or `sky jobs logs` printed. - is stdin; may be repeated.",
)
@store_option
@click.pass_context
def collect(context: click.Context, cluster: str | None, logs: tuple[BufferedReader, ...], store: str) -> None:
    """Put the records of CLUSTER, as `sky status` calls it, into the store: from its jobs' logs and its folder.

    A machine of a sweep has its sweep's store, unless --store names another.

    Each is checked, and none overwrites another; what is there already stays as it is. A record of which a log holds
    damaged lines only ends the command with exit code 5, as one does that is corrupt or in conflict.
    """

    if (cluster is None) == (not logs):
        raise UsageError("bench collect takes the name of a cluster, or --log FILE")
    opened = open_store(store)
    errors: list[BenchError] = []
    if cluster is None:
        collected = _from_logs(logs, opened)
    else:
        opened, collected, errors = _from_machine(cluster, store, chosen=is_chosen(context))
    click.echo(
        f"{opened.name}: {plural(collected.new, 'record')} came from {cluster or ' and '.join(map(_name, logs))}, "
        f"{collected.known} already known, {collected.damaged} damaged"
    )
    complain(errors)
    refuse(collected.errors)
    if errors:
        sys.exit(BenchError.exit_code)


def _name(log: BufferedReader) -> str:
    name = getattr(log, "name", "<stdin>")  # what click's runner puts there has none
    return "stdin" if name == "<stdin>" else name


def _from_logs(logs: tuple[BufferedReader, ...], store: Store) -> Collected:

    collector = counting_collector(store)
    for log in logs:
        # As it comes: `sky logs` may go on for hours.
        chunks = iter(partial(log.read1, _CHUNK), b"")
        try:
            collector.add(read_log(chunks), _name(log))
        except OSError as error:
            raise StoreError(f"{_name(log)}: cannot be read ({error.strerror})") from error
    return collector.result()


def _from_machine(cluster: str, place: str, *, chosen: bool) -> tuple[Store, Collected, list[BenchError]]:
    """The store, what came into it, and an error for the log or the folder where it could not be read."""
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        if not chosen:
            machines = select(provisioner.clusters(), cluster)
            place = next((store_for(machine, place) for machine in machines if machine.cluster == cluster), place)
        store = open_store(place)
        collected, log_error, folder_error = collect_records(cluster, provisioner, store)
    sources = (("its log", log_error), ("its folder", folder_error))
    return (
        store,
        collected,
        [
            BenchError(f"{cluster}: {source} could not be read: {failure_of_error(error).words}")
            for source, error in sources
            if error
        ],
    )
