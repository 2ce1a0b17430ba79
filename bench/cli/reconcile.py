"""bench reconcile: the bill against the estimate."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from analysis.reconcile.reconcile import from_cost_explorer, from_exports, from_runpod
from analysis.reconcile.render import as_text
from bench.cli.parts import complete_files, parsed_time, refuse, store_option, to_terminal, with_progress
from bench.store import open_store


@click.command()
@click.option(
    "--export",
    "--focus",
    "exports",
    multiple=True,
    metavar="FILE|FOLDER|s3://…",
    shell_complete=complete_files,
    help="Exported bill: FOCUS 1.0 to 1.4, AWS CUR 2.0, Azure actual cost; .csv, .csv.gz, .parquet. May be repeated.",
)
@click.option(
    "--cost-explorer", is_flag=True, help="Query AWS Cost Explorer by the tag bench-lease; $0.01 per request."
)
@click.option("--runpod", is_flag=True, help="Query RunPod's billing by pod; the key is RUNPOD_API_KEY.")
@click.option(
    "--since",
    callback=parsed_time("%Y-%m-%d", "a day, such as 2026-11-22"),
    metavar="DAY",
    help="With --cost-explorer or --runpod: first day.  [default: that of the first lease]",
)
@store_option
@with_progress
def reconcile(exports: tuple[str, ...], cost_explorer: bool, runpod: bool, since: datetime | None, store: str) -> None:
    """Match the provider's charges to the leases in the store, and show them beside the estimates.

    Each lease's charges are stored as a bill; reading the same charges again changes nothing. A row that cannot be
    read is named and skipped; the exit code is then 5.
    """
    if bool(exports) + cost_explorer + runpod != 1:
        raise click.UsageError("give one source of bills: --export FILE, --cost-explorer or --runpod")
    if since and since.replace(tzinfo=UTC) > datetime.now(UTC):
        raise click.UsageError(f"--since {since:%Y-%m-%d} is in the future: there are no charges yet")
    opened, first = open_store(store), since.date() if since else None
    if exports:
        result = from_exports(exports, opened)
    else:
        result = from_runpod(first, opened) if runpod else from_cost_explorer(first, opened)
    click.echo(as_text(result.reconciliations, result.matched, terminal=to_terminal(None)), nl=False)
    refuse(result.errors)
