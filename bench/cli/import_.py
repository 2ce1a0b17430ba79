"""bench import: what others published, as records."""

from __future__ import annotations

from pathlib import Path

import click

from analysis.published.dawnbench.entries import read_entries
from bench.cli.parts.bars import with_progress
from bench.cli.parts.common import refuse, store_option
from bench.errors import ConflictError, RecordError
from bench.store import open_store
from bench.tracking import tracked


@click.group(name="import")
def import_() -> None:
    """Read what others published into a store, as records of kind `published`."""


@import_.command("dawnbench")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@store_option
@with_progress
def import_dawnbench(folder: Path, store: str) -> None:
    """Read DAWNBench's CIFAR-10 training entries from DIR, a checkout of dawn-bench-entries.

    Importing again changes nothing. An entry that cannot be read, or that differs from the one in the store, is
    named on stderr and skipped; the exit code is then 5.
    """

    entries, read_errors = read_entries(folder)
    skipped: list[RecordError | ConflictError] = [*read_errors]
    target = open_store(store)
    target.check_writable()
    for entry in tracked(entries, "entries", len(entries)):
        try:
            target.put(entry)
        except ConflictError as error:
            skipped.append(error)
    found = len(entries) + len(read_errors)
    click.echo(f"{found - len(skipped)} of {found} entries are in {target.name}")
    refuse(skipped)
