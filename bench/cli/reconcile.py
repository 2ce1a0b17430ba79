"""bench reconcile: the bill against the estimate."""

from __future__ import annotations

from datetime import datetime

import click

from bench.cli import options
from bench.cli.output import refuse, to_terminal


@click.command()
@click.option(
    "--focus",
    multiple=True,
    metavar="FILE|FOLDER|s3://…",
    help="FOCUS 1.0 to 1.2 export: .csv, .csv.gz, .parquet. May be repeated, as for two months.",
)
@click.option("--cost-explorer", is_flag=True, help="Ask AWS Cost Explorer, by the tag bench-lease; $0.01 a request.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="With --cost-explorer: from this day; else from the first lease on.",
)
@options.store
def reconcile(focus: tuple[str, ...], cost_explorer: bool, since: datetime | None, store: str) -> None:
    """Join what the provider charged to the leases in the store, and show it beside the estimates.

    Each lease's charges are stored as a bill; the same charges read again change nothing. A row that cannot be
    read is named and skipped; the exit code is then 5.
    """
    from analysis.reconcile.reconcile import from_cost_explorer, from_focus
    from analysis.reconcile.render import as_text
    from bench.store import open_store

    if bool(focus) == cost_explorer:
        raise click.UsageError("name the bill: either --focus FILE or --cost-explorer")
    opened = open_store(store)
    result = from_focus(focus, opened) if focus else from_cost_explorer(since.date() if since else None, opened)
    click.echo(as_text(result.reconciliations, result.matched, terminal=to_terminal(None)), nl=False)
    refuse(result.errors)
