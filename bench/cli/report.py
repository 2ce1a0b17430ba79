"""bench report: records to a cost table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from bench.cli import options
from bench.cli.output import refuse, to_terminal, write
from bench.errors import UsageError
from bench.record.policy import DEFAULT_POLICY, POLICIES, Policy

if TYPE_CHECKING:
    from analysis.published.dawnbench.entries import Which

# Published entries in a table that people read on a terminal; their own runs would scroll away.
_FEW = 12


@click.command()
@options.stores
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Which clock.")
@click.option(
    "--published",
    type=click.Choice(["claim", "stored", "all", "none"]),
    help="Which published entries to show: the four of the claim; and those in the stores; and all 31 of DAWNBench; "
    f"none.  [default: stored; in a table {_FEW} of them]",
)
@click.option(
    "--format",
    "style",
    default="table",
    show_default=True,
    type=click.Choice(["table", "markdown", "csv", "json", "parquet", "html"]),
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
def report(stores: tuple[str, ...], policy: str, published: str | None, style: str, output: Path | None) -> None:
    """Cost table of the runs in a store, by recipe and machine, beside published entries.

    Leases of rented machines follow in a table of their own: time, estimate, bill, and cost per success. `html` is
    one page to open or send: the tables, the claims, four plots and how everything was measured. `json` has the
    claims, too; `csv` and `parquet` have the cost table alone.

    A record that fails its checksum or schema is named on stderr and not counted; the exit code is then 5.
    """
    from analysis.frames.runs import load, load_beside
    from analysis.report.flat_files import rows_as_parquet
    from analysis.report.render import render
    from analysis.report.report import build_report, report_of
    from bench.store import open_store, read_all

    if style == "parquet" and to_terminal(output):
        raise UsageError("parquet is nothing to read on a terminal; name a file with -o")
    opened, clock = [open_store(store) for store in stores], cast(Policy, policy)
    which, most = cast("Which", published or "stored"), _FEW if style == "table" and published is None else None
    if style == "html":  # plots are drawn of the runs themselves
        read = [read_all(store) for store in opened]
        documents, errors = [d for found, _ in read for d in found], [e for _, refused in read for e in refused]
        made = build_report(documents, policy=clock, which=which, unreadable=len(errors))
    else:
        frame, errors = load(opened)
        beside, refused = load_beside(opened)
        # A lease that cannot be trusted is met twice: for its runs, and for itself.
        errors = list({str(error): error for error in [*errors, *refused]}.values())
        made = report_of(frame, beside, policy=clock, which=which, most=most, unreadable=len(errors))
    if style == "parquet":
        write(rows_as_parquet(made.rows), output)
    else:
        write(render(made, style, terminal=to_terminal(output)), output)
    refuse(errors)
