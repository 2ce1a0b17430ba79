"""bench lease: what lease this machine is on, and the end of one whose machine is gone."""

from __future__ import annotations

from datetime import datetime

import click

from bench.cli import options


@click.group()
def lease() -> None:
    """What lease this machine is on; close one from outside."""


@lease.command()
@options.machine
def show(instance: str | None, spot: bool, price_per_hour: str | None, currency: str) -> None:
    """Print what `bench run` finds out here: the machine, when its lease began, its price. Nothing is stored."""
    import os

    from bench.cloud.lease import Given
    from bench.cloud.words import in_words

    for line in in_words(Given(instance, price_per_hour, currency, spot), os.environ):
        click.echo(line)


@lease.command()
@click.argument("lease_id", metavar="ID")
@click.option("--stopped", required=True, metavar="TIME", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
              help="When the machine was given back, such as 2026-11-22T12:34:56Z.")  # fmt: skip
@click.option("--reason", default="finished", show_default=True, help="Why it ended.",
              type=click.Choice(["finished", "failed", "interrupted", "preempted"]))  # fmt: skip
@options.store
def close(lease_id: str, stopped: datetime, reason: str, store: str) -> None:
    """Close the lease ID, which is open in the store because its machine went away before it could."""
    from bench.cloud.lease import close as end
    from bench.store import open_store

    click.echo(end(lease_id, stopped, reason, open_store(store)))  # type: ignore[arg-type]  # click.Choice allows just these
