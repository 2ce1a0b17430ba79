"""bench plan: what a sweep would rent, for how long and for how many dollars."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bench.cli.parts.common import (
    complete_files,
    complete_folders,
    format_option,
    refuse,
    to_terminal,
    with_progress,
    write,
)
from bench.cli.parts.planned import planned_from_records
from bench.errors import UsageError
from bench.recipes import RECIPES
from bench.sweep.planning.render import render
from bench.sweep.spec import load
from bench.variables import STORE


class _PlanCommand(click.Command):
    """Refers a call of `bench plan RECIPE…`, with whatever options, to `bench estimate`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {recipe.name for recipe in RECIPES}
        if recipes := [word for word in args if word in known]:
            raise UsageError(
                f"{recipes[0]} is a recipe, and bench plan takes a sweep file; for recipes on this machine: "
                f"bench estimate {' '.join(recipes)}"
            )
        return super().parse_args(ctx, args)


@click.command(cls=_PlanCommand)
@click.argument("path", metavar="SWEEP.yaml", required=False, shell_complete=complete_files)
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="FOLDER|s3://…",
    shell_complete=complete_folders,
    help=f"Records to learn times from; may be repeated.  [default: results, results/local and {STORE.name}]",
)
@click.option(
    "--power",
    metavar="'H100 v A100 5%'",
    help="In place of a sweep: how many machines and runs show such a difference in time between two types.",
)
@click.option("--offline", is_flag=True, help="Only the prices that come with bench.")
@format_option("table", "markdown", "csv", "json")
@with_progress
def plan(path: str | None, stores: tuple[str, ...], power: str | None, offline: bool, style: str) -> None:
    """Show what SWEEP.yaml would rent, for how long and for how many dollars, with an upper bound.

    It needs no account, no network (see --offline) and no SkyPilot, whose prices it uses where it is installed. Times
    come from records where there are any of the recipe, or of the task, on that GPU. For a recipe on this machine:
    `bench estimate`.

    A record that cannot be read is named on stderr and not counted; the exit code is then 5.
    """
    if (path is None) == (power is None):
        raise UsageError("bench plan takes either a sweep file or --power 'H100 v A100 5%'")
    if path is None:
        write(_power(power or "", style), None)
        return
    planned, errors = planned_from_records(load(path), stores, offline=offline)
    write(render(planned, style, datetime.now(UTC).date(), terminal=to_terminal(None)), None)
    for failure in planned.failures:
        click.echo(f"bench: {failure.source} gave no prices: {failure.why}", err=True)
    refuse(errors)


def _power(asked: str, style: str) -> str:
    from analysis.stats.planning import power_json, power_table, question  # scipy takes longer than a plan without it

    if style == "json":
        return power_json(question(asked))
    table = power_table(question(asked))
    forms = {"markdown": table.as_markdown, "csv": table.as_csv}
    return forms[style]() if style in forms else table.as_text(terminal=to_terminal(None))
