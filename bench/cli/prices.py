"""bench prices: what machines cost, by every source that answers."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bench.billing.offers.query import Query
from bench.billing.offers.render import render
from bench.billing.offers.sources import collect, sources
from bench.cli.parts.common import format_option, to_terminal, with_progress, write


@click.command()
@click.option("--gpu", metavar="NAME", help="Only machines with this GPU: H100, a100-80gb, v100, …")
@click.option("--spot", is_flag=True, help="Spot prices, in place of on-demand ones.")
@click.option("--cloud", metavar="NAME", help="Only this provider: aws, gcp, lambda, …")
@click.option("--region", metavar="NAME", help="Only this region, and prices whose source names none.")
@format_option("table", "csv", "json")
@click.option("--offline", is_flag=True, help="Only the prices that come with bench.")
@with_progress
def prices(gpu: str | None, spot: bool, cloud: str | None, region: str | None, style: str, offline: bool) -> None:
    """What machines with GPUs cost, the cheapest GPU first: the price book, AWS, and SkyPilot where it is installed.

    Every price says where it was read and when; one older than 30 days is marked stale. A source that fails is
    named on stderr, and the others count; the exit code is 1 where all of them failed.
    """
    query = Query(gpu, spot, cloud, region)
    answer = collect(query, sources(query, offline=offline))
    write(render(answer.offers, style, datetime.now(UTC).date(), terminal=to_terminal(None)), None)
    for failure in answer.failures:
        click.echo(f"bench: {failure.source} gave no prices: {failure.why}", err=True)
    if not answer.offers:
        click.echo("bench: no price found for this; see all with: bench prices", err=True)
