"""bench store: look after a store."""

from __future__ import annotations

import sys

import click

from bench.cli import options
from bench.cli.output import refuse
from bench.errors import RecordError


@click.group()
def store() -> None:
    """Look after a store: check it, make a fast copy of it."""


@store.command()
@options.store
def compact(store: str) -> None:
    """Copy the runs into Parquet below v1/compact, which reads a hundred times faster.

    Only what is new is added; the records stay as they are, and the copy may be deleted at any time.
    """
    from bench.store import open_store
    from bench.store.compact import compact as add

    done = add(open_store(store))
    click.echo(f"{store}: {done.added} runs added to the compact layer")
    if done.waiting:
        click.echo(f"{store}: {done.waiting} runs wait for the record of their lease", err=True)
    refuse(done.errors)


@store.command()
@options.store
def verify(store: str) -> None:
    """Check every record's schema and checksum, and the compact layer against the records."""
    from bench.store import open_store, read_all
    from bench.store.compact import verify as differences

    opened = open_store(store)
    documents, errors = read_all(opened)
    click.echo(f"{store}: {len(documents)} records are what they were when they were written")
    different = list(differences(opened))
    for line in different:
        click.echo(f"bench: {line}; delete v1/compact and run `bench store compact`", err=True)
    refuse(errors)
    if different:
        sys.exit(RecordError.exit_code)
