"""bench plan: what runs would take and cost, before they are made: here, or on machines that a sweep file names."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from bench.cli import options
from bench.errors import UsageError
from bench.text import plural

_HERE = {"runs", "steps", "device", "data", "instance", "spot", "price_per_hour", "currency"}
_SWEEP = {"stores", "offline", "style"}


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="RECIPE…|SWEEP.yaml")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe.")
@click.option("--steps", default=3, show_default=True, type=click.IntRange(1), help="Steps to time of each kind.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@options.data
@options.machine
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="FOLDER|s3://…",
    help="Of a sweep: records to learn times from; may be repeated.  [default: results, results/local and BENCH_STORE]",
)
@click.option("--offline", is_flag=True, help="Of a sweep: only the price book that comes with bench.")
@click.option(
    "--format",
    "style",
    default="table",
    show_default=True,
    type=click.Choice(["table", "markdown", "csv", "json"]),
    help="Of a sweep's plan.",
)
@click.pass_context
def plan(
    context: click.Context,
    what: tuple[str, ...],
    runs: int,
    steps: int,
    device: str,
    data: str | None,
    instance: str | None,
    price_per_hour: str | None,
    currency: str,
    spot: bool,
    stores: tuple[str, ...],
    offline: bool,
    style: str,
) -> None:
    """Extrapolate RECIPE… on this machine from a few measured steps each: seconds, and dollars where there is a price.

    Nothing is recorded: an extrapolation says nothing of accuracy. Compilation and loading are not counted.

    With a SWEEP.yaml in place of recipes: what that sweep would rent, for how long and how many dollars, with an upper
    bound. It needs no account, no network (see --offline) and no SkyPilot, whose prices it uses where it is installed.
    """
    if any(_is_file(word) for word in what):
        if len(what) > 1:
            raise UsageError("bench plan takes recipes, or one sweep file; plan one after the other")
        _refuse(context, _HERE, "is for recipes on this machine; a sweep file says it itself")
        _sweep(what[0], stores, style, offline=offline)
    else:
        _refuse(context, _SWEEP, "is for a sweep file; name one, or leave it out")
        _here(what, runs, steps, device, data, instance, price_per_hour, currency, spot=spot)


def _is_file(word: str) -> bool:
    """Whether `word` names a file rather than a recipe, also one that is not there."""
    return Path(word).suffix in {".yaml", ".yml"} or "/" in word


def _refuse(context: click.Context, names: set[str], why: str) -> None:
    """What was typed and would be ignored is a mistake. A variable may stand for other commands."""
    for parameter in context.command.params:
        if parameter.name in names and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{parameter.opts[0]} {why}")


def _sweep(path: str, stores: tuple[str, ...], style: str, *, offline: bool) -> None:
    import os
    from datetime import UTC, datetime
    from functools import partial

    from bench.cli.output import refuse, to_terminal, write
    from bench.store import open_store
    from bench.sweep.planning.history import read_history
    from bench.sweep.planning.plan import ask_all
    from bench.sweep.planning.plan import plan as planned
    from bench.sweep.planning.render import render
    from bench.sweep.spec import load

    sweep = load(path)
    usual = [folder for folder in ("results", "results/local") if Path(folder, "v1").is_dir()]
    usual += [named] if (named := os.environ.get("BENCH_STORE")) else []
    history, errors = read_history((open_store(store) for store in stores or usual), sweep.recipes)
    done = planned(sweep, history, partial(ask_all, offline=offline))
    write(render(done, style, datetime.now(UTC).date(), terminal=to_terminal(None)), None)
    for failure in done.failures:
        click.echo(f"bench: {failure.source} gave no prices: {failure.why}", err=True)
    refuse(errors)


def _here(
    names: tuple[str, ...],
    runs: int,
    steps: int,
    device: str,
    data: str | None,
    instance: str | None,
    price_per_hour: str | None,
    currency: str,
    *,
    spot: bool,
) -> None:
    from bench.billing.cost import train_cost
    from bench.billing.prices import machine_hourly
    from bench.lease.lease import open_lease
    from bench.measure.session import prepared
    from bench.recipes import find
    from bench.training import data as cifar10

    found = [find(name) for name in dict.fromkeys(names)]
    lease = open_lease(instance, price_per_hour, currency, spot=spot)
    hourly = machine_hourly(lease.price, lease.accelerators)
    folder = cifar10.find(data)
    compute, images = prepared(device), cifar10.load(folder)  # type: ignore[arg-type]  # click.Choice allows just these
    from bench.measure.extrapolate import extrapolate
    from bench.training.loop import Training

    for recipe in found:
        trainer = recipe.build(images, compute)
        assert isinstance(trainer, Training)  # as every recipe's is
        guess = extrapolate(trainer, steps)
        seconds = guess.total * runs
        cost = train_cost(seconds, hourly)
        click.echo(
            f"{recipe.name}: about {seconds:.3g} s for {plural(runs, 'run')}, "
            + (f"{cost:.3g} {currency}" if cost is not None else "cost unknown (no price)")
            + f"; extrapolated from {guess.sampled} of {guess.steps} steps, {trainer.compute.path}"
        )
