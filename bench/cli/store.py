"""bench store: look after a store."""

from __future__ import annotations

import sys

import click

from bench.cli.parts import complain, complete_folders, refuse, store_option, with_progress
from bench.errors import BenchError, ConflictError, RecordError
from bench.store import Spool, drain as drain_spool, open_store, read_each, spool_folder, spools
from bench.text import plural


@click.group()
def store() -> None:
    """Maintain a store: verify it, compact it, or upload records that wait in the spool."""


@store.command()
@store_option
@with_progress
def compact(store: str) -> None:
    """Copy the runs of a store into Parquet, below v1/compact.

    Reading it is a hundred times faster. Only new runs are added; the records are not changed, and the copy may be
    deleted at any time. A record that cannot be read is named on stderr and left out; the exit code is then 5.
    """
    from bench.store.compact import compact as add

    done = add(open_store(store))
    click.echo(f"{store}: {plural(done.added, 'run')} added to the compact layer")
    if done.waiting:
        click.echo(f"{store}: {plural(done.waiting, 'run')} left until the record of their lease is there", err=True)
    if done.older:
        click.echo(f"{done.older}: of an earlier version and no longer used; it may be deleted", err=True)
    refuse(done.errors)


@store.command()
@store_option
@with_progress
def verify(store: str) -> None:
    """Verify every record, and the compact layer against them.

    Records are checked by schema and checksum. Defects are named on stderr; the exit code is then 5.
    """
    from bench.store.compact import verify as differences

    opened = open_store(store)
    errors, sound = [], 0
    for found in read_each(opened):
        if isinstance(found, RecordError):
            errors.append(found)
        else:
            sound += 1
    intact = f"{sound} intact, {len(errors)} not" if errors else "all intact"
    click.echo(f"{opened.name}: {plural(sound + len(errors), 'record')} checked, {intact}")
    different = list(differences(opened))
    for line in different:
        click.echo(f"bench: {line}", err=True)
    refuse(errors)
    if different:
        sys.exit(RecordError.exit_code)


@store.command()
@click.option(
    "--store",
    metavar="FOLDER|s3://…",
    shell_complete=complete_folders,
    help="Only records that wait for this store.  [default: every store]",
)
@with_progress
def drain(store: str | None) -> None:
    """Upload the records that wait in the spool to their stores.

    A record leaves the spool once its store has confirmed it. A damaged record, or one in conflict with another, is
    kept and named, and the exit code is then 5. Draining is idempotent and safe from several processes at once.
    """
    errors: list[BenchError] = []
    waiting = spools() if store is None else [Spool(open_store(store).locator)]
    for spool in waiting:
        try:
            done = drain_spool(spool, open_store(spool.locator))
        except BenchError as error:  # the others' stores may be there
            errors.append(error)
            continue
        errors += done.errors
        click.echo(f"{spool.locator}: {plural(done.stored, 'record')} stored, {len(spool.waiting())} left")
    if not waiting:
        click.echo(f"no record waits in {spool_folder()}")
    complain(errors)
    if errors:
        in_conflict = any(isinstance(error, ConflictError) for error in errors)
        sys.exit(RecordError.exit_code if in_conflict else max(error.exit_code for error in errors))
