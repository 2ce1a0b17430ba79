"""bench report: records to a cost table."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from analysis.published.dawnbench.entries import Which
from analysis.report.flat_files import rows_as_parquet
from analysis.report.render import render
from analysis.report.report import read_report
from bench.cli import options
from bench.cli.output import refuse, to_terminal, write
from bench.errors import UsageError
from bench.record.documents import DEFAULT_POLICY, POLICIES, Policy
from bench.store import open_store

# Published entries in a table that people read on a terminal; their own runs would scroll away.
_MOST_PUBLISHED = 12


@click.command()
@options.stores
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Which clock.")
@click.option(
    "--published",
    type=click.Choice(["claim", "stored", "all", "none"]),
    help="Which published entries to show: the four of the claim; and those in the stores; and all 31 of DAWNBench; "
    f"none.  [default: stored; in a table {_MOST_PUBLISHED} of them]",
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
    if style == "parquet" and to_terminal(output):
        raise UsageError("parquet cannot be read on a terminal; name a file with -o")
    which, most = cast("Which", published or "stored"), _MOST_PUBLISHED if style == "table" and not published else None
    result, errors = read_report(
        [open_store(store) for store in stores], cast(Policy, policy), which, most, plots=style == "html"
    )
    if style == "parquet":
        write(rows_as_parquet(result.rows), output)
    else:
        write(render(result, style, terminal=to_terminal(output)), output)
    refuse(errors)
