"""The machines that sweeps rent: bench status lists them, collect downloads their records, down gives them back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import click
from click.core import ParameterSource

from bench.billing.offers.skypilot import installed
from bench.cli.parts import complain, complete_files, confirm, refuse, store_option
from bench.errors import BenchError, StoreError, UsageError
from bench.store import Collected, Store, counting_collector, open_store, read_log, unpacked
from bench.sweep.orchestration.clusters import collect_records, end, open_clusters, rows, select, store_for
from bench.sweep.orchestration.progress import span
from bench.sweep.provisioning import ClusterStatus, failure_of_error
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.sweep.spec import load
from bench.sweep.yaml_file import is_file
from bench.text import plural

_CHUNK = 1 << 16  # bytes of a log at once


@click.command()
@click.argument("sweep", required=False, metavar="[SWEEP]", shell_complete=complete_files)
@store_option
@click.pass_context
def status(context: click.Context, sweep: str | None, store: str) -> None:
    """List the machines of SWEEP, by its name or file, or of all sweeps: state, age, price, dollars so far.

    Runs are counted in the sweep's store, or in --store. Without SkyPilot it only shows whether the store has open
    leases of sweeps.
    """
    name, cells, place = named(sweep, store)
    chosen = is_chosen(context)
    if not installed() and not open_clusters(open_store(place), name):
        click.echo(
            f"nothing is rented according to the leases in {place}; without SkyPilot, others are not visible", err=True
        )
        return
    with _skypilot() as provisioner:
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
        _say_nothing_is_rented(name)
    complain(error for _, error in tables if error)


@click.command()
@click.argument("cluster", required=False)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.File("rb"),
    metavar="FILE",
    help="Read a saved terminal, `sky logs` or `sky jobs logs`, or a .gz of one, instead of a machine. - is stdin; "
    "may be repeated.",
)
@store_option
@click.pass_context
def collect(context: click.Context, cluster: str | None, logs: tuple[BufferedReader, ...], store: str) -> None:
    """Download the records of CLUSTER, its name in `sky status`, into the store: from its jobs' logs and its folder.

    The records of a sweep's machine go into the sweep's store, unless --store is given.

    Each record is verified, and none is overwritten. The exit code is 5 if a record is corrupt, in conflict, or only
    has damaged lines in a log.
    """
    if (cluster is None) == (not logs):
        raise UsageError("give bench collect the name of a cluster, or --log FILE")
    opened = open_store(store)
    errors: list[BenchError] = []
    if cluster is None:
        collected = _from_logs(logs, opened)
    else:
        opened, collected, errors = _from_machine(cluster, store, chosen=is_chosen(context))
    click.echo(
        f"{opened.name}: {plural(collected.new, 'record')} came from {cluster or ' and '.join(map(_log_name, logs))}, "
        f"{collected.known} already known, {collected.damaged} damaged"
    )
    complain(errors)
    refuse(collected.errors)
    if errors:
        sys.exit(BenchError.exit_code)


def _log_name(log: BufferedReader) -> str:
    name = getattr(log, "name", "<stdin>")  # what click's runner puts there has none
    return "stdin" if name == "<stdin>" else name


def _from_logs(logs: tuple[BufferedReader, ...], store: Store) -> Collected:
    collector = counting_collector(store)
    for log in logs:
        try:
            collector.add(read_log(unpacked(log, _CHUNK)), _log_name(log))
        except OSError as error:
            raise StoreError(f"{_log_name(log)}: cannot be read ({error.strerror}); name a job's log") from error
    return collector.result()


def _from_machine(cluster: str, place: str, *, chosen: bool) -> tuple[Store, Collected, list[BenchError]]:
    """The store, what came into it, and an error for the log or the folder where it could not be read."""
    with _skypilot() as provisioner:
        if not chosen:
            machines = select(provisioner.clusters(), cluster)
            place = next((store_for(machine, place) for machine in machines if machine.cluster == cluster), place)
        store = open_store(place)
        collected, log_error, folder_error = collect_records(cluster, provisioner, store)
    sources = (("its log", log_error), ("its folder", folder_error))
    errors: list[BenchError] = [
        BenchError(f"{cluster}: {source} could not be read: {failure_of_error(error).words}")
        for source, error in sources
        if error
    ]
    return store, collected, errors


@click.command()
@click.argument("which", required=False, metavar="[SWEEP|CLUSTER]", shell_complete=complete_files)
@click.option("--all", "everything", is_flag=True, help="The machines of all sweeps.")
@store_option
@click.option(
    "--discard", is_flag=True, help="Also give back machines whose records cannot be collected; these records are lost."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def down(context: click.Context, which: str | None, everything: bool, store: str, discard: bool, yes: bool) -> None:
    """Give back the machines of SWEEP (its name or file), or the one called CLUSTER.

    First their records are collected, into the store of their sweep unless --store is given; then the machines are
    terminated, and their leases closed. A machine that does not answer is kept, since it may hold records. A record
    that is damaged, or in conflict with another, is named on stderr; the exit code is then 5.
    """
    if (which is None) != everything:
        raise UsageError("give bench down a sweep or a cluster, or --all")
    name, cells, place = named(which, store)
    with _skypilot() as provisioner:
        machines = select(provisioner.clusters(), name, cells)
    if not machines:
        _say_nothing_is_rented(name)
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


def _say_nothing_is_rented(name: str | None) -> None:
    click.echo("nothing is rented" + (f" for {name}" if name else ""), err=True)


@contextmanager
def _skypilot() -> Iterator[SkyPilot]:
    """SkyPilot, checked, and quiet inside. Raises BenchError where it is not there or may use no cloud."""
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        yield provisioner


def named(sweep: str | None, store: str) -> tuple[str | None, frozenset[str], str]:
    """The name of a sweep that is given by name or by file, the clusters that the file names, and its store.

    Raises UsageError for a file that is not there.
    """
    if sweep is None or not is_file(Path(sweep)):
        if sweep and Path(sweep).suffix in (".yaml", ".yml"):  # what costs money would be passed over
            raise UsageError(f"{sweep}: no such file; give a sweep's file or its name")
        return sweep, frozenset(), store
    loaded = load(sweep)
    return loaded.name, frozenset(cell.cluster for cell in loaded.cells()), loaded.store or store


def is_chosen(context: click.Context) -> bool:
    """Whether the user has named the store of this call."""
    return context.get_parameter_source("store") is ParameterSource.COMMANDLINE
