"""bench report: records to a cost table."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from bench.cli import options
from bench.cli.output import refuse, to_terminal, write
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
    from bench.store import open_store, read_all

    opened, clock = open_store(store), cast(Policy, policy)
    if style == "html":  # plots are drawn of the runs themselves
        documents, errors = read_all(opened)
        made = build_report(documents, policy=clock, unreadable=len(errors))
    else:
        frame, errors = load([opened])
        made = report_of(frame, policy=clock, unreadable=len(errors))
    write(render(made, style, terminal=to_terminal(output)), output)
    refuse(errors)
