"""bench prices: what machines cost, from every available source."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bench.billing import Query, gpu_or_cloud_meant, known_clouds
from bench.billing.offers.render import render
from bench.billing.offers.sources import collect, sources
from bench.cli.parts import format_option, to_terminal, with_progress, write
from bench.errors import UsageError
from bench.record.documents import Accelerators
from bench.text import one_line


@click.command()
@click.argument("name", metavar="[GPU]", required=False)
@click.option(
    "--gpu", metavar="NAME", help="Only machines with this GPU, same as the argument GPU: H100, a100-80gb, V100:8, …"
)
@click.option("--spot", is_flag=True, help="Spot prices instead of on-demand ones.")
@click.option("--cloud", metavar="NAME", help="Only this provider: aws, gcp, lambda, …")
@click.option("--region", metavar="NAME", help="Only this region, and prices without a region.")
@format_option("table", "csv", "json")
@click.option("--offline", is_flag=True, help="Use only the prices included in bench.")
@with_progress
def prices(
    name: str | None, gpu: str | None, spot: bool, cloud: str | None, region: str | None, style: str, offline: bool
) -> None:
    """List prices of machines with a GPU, the cheapest first: the price book, AWS, and SkyPilot if it is installed.

    Every price has its source and day; one older than 30 days is marked stale. A source that fails is named on stderr,
    and the others count; the exit code is 1 if all of them fail.
    """
    if name and gpu:
        raise UsageError("the GPU is given twice; leave out --gpu")
    asked = name or gpu or ""
    try:
        wanted = Accelerators.parse(asked) if ":" in asked else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    query = Query((wanted.name if wanted else asked) or None, spot, cloud, region, wanted.count if wanted else None)
    answer = collect(query, sources(query, offline=offline))
    write(render(answer.offers, style, datetime.now(UTC).date(), terminal=to_terminal(None)), None)
    for failure in answer.failures:
        click.echo(f"bench: no prices from {failure.source}: {failure.why}", err=True)
    if not answer.offers:
        click.echo(f"bench: no matching price; {_instead(query)}", err=True)
    elif region is not None and all(offer.region is None for offer in answer.offers):
        click.echo(f"bench: no price in the region {one_line(region)!r}; these prices name no region", err=True)


def _instead(query: Query) -> str:
    """What may have been meant where nothing was found: another cloud or GPU than was asked for."""
    clouds = known_clouds()
    if near := gpu_or_cloud_meant(query.gpu, query.cloud):
        return near
    if query.cloud is not None and query.cloud.casefold() not in clouds:
        return f"prices are known for {', '.join(clouds)}"
    return "see all with: bench prices"
