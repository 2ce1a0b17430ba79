"""bench status: the machines that sweeps rent now."""

from __future__ import annotations

import click

from bench.cli import options


@click.command()
@click.argument("sweep", required=False, metavar="[SWEEP]")
@options.store
def status(sweep: str | None, store: str) -> None:
    """List the machines of SWEEP, by its name or file, or of all sweeps: state, age, price, dollars so far.

    The runs are those that the store has from each.
    """
    from bench.store import open_store
    from bench.sweep.orchestration.clusters import rows, select
    from bench.sweep.orchestration.progress import span
    from bench.sweep.provisioning.skypilot import SkyPilot, quietly

    name, place = named(sweep, store)
    with quietly():
        provisioner = SkyPilot()
        provisioner.check()
        machines, error = rows(select(provisioner.clusters(), name), open_store(place))
    for row in machines:
        price = "price unknown" if row.hourly is None else f"{row.hourly} USD/h"
        dollars = "unknown" if row.dollars is None else f"{row.dollars:.2f}"
        runs = "unknown" if row.runs is None else str(row.runs)
        click.echo(f"{row.cluster}: {row.state}, {span(row.age)}, {price}, {dollars} USD so far, runs: {runs}")
    if not machines:
        click.echo("nothing is rented" + (f" for {name}" if name else ""), err=True)
    elif error:
        click.echo(f"bench: {error}", err=True)


def named(sweep: str | None, store: str) -> tuple[str | None, str]:
    """The name of a sweep that is given by name or by file, and where its records are."""
    from pathlib import Path

    from bench.sweep.spec import load

    if sweep is None or not Path(sweep).is_file():
        return sweep, store
    loaded = load(sweep)
    return loaded.name, loaded.store or store
