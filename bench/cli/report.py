"""bench report: records to a cost table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from bench.cli import options
from bench.errors import RecordError, StoreError
from bench.record.policy import DEFAULT_POLICY, POLICIES, Policy


@click.command()
@options.store
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Which clock.")
@click.option(
    "--format",
    "style",
    default="table",
    show_default=True,
    type=click.Choice(["table", "markdown", "csv", "json", "html"]),
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
def report(store: str, policy: str, style: str, output: Path | None) -> None:
    """Cost table of the runs in a store, by recipe and machine, beside the entries of the claim.

    `html` is one page to open or send: the table, four plots and how everything was measured.

    A record that fails its checksum or schema is named on stderr and not counted; the exit code is then 5.
    """
    from analysis.load import load
    from analysis.render import render
    from analysis.report import build_report, report_of
    from bench.store import FolderStore, open_store, read_all

    opened, clock = open_store(store), cast(Policy, policy)
    if style == "html":  # plots are drawn of the runs themselves
        documents, errors = read_all(opened)
        made = build_report(documents, policy=clock, unreadable=len(errors))
    else:
        frame, errors = load([cast(FolderStore, opened)])
        made = report_of(frame, policy=clock, unreadable=len(errors))
    text = render(made, style, terminal=output is None and sys.stdout.isatty())
    if output is None:
        click.echo(text.rstrip("\n"))
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{output}: cannot be written ({error.strerror}); name another file with -o") from error
    for refused in errors:
        click.echo(f"bench: {refused}", err=True)
    if errors:
        sys.exit(RecordError.exit_code)
