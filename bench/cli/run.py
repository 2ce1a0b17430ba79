"""bench run and bench estimate: recipes trained on this machine, and what they would take."""

from __future__ import annotations

import math
import os
from contextlib import closing

import click

from bench import variables
from bench.billing import machine_hourly, train_cost
from bench.cli.parts import (
    complete_recipes,
    data_option,
    device_option,
    end_unless_completed,
    machine_options,
    parsed,
    recording_options,
    seed_option,
    store_option,
)
from bench.cli.parts.job_cost import lease_cost_shown, lease_part
from bench.lease import MachineOptions, acquire_lease, lease_by_options, series_of
from bench.measure.progress import Progress
from bench.measure.session import Request, measure, prepare_device
from bench.recipes import find, not_recipes
from bench.store import open_store
from bench.text import plural
from bench.training import data as cifar10


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE…", shell_complete=complete_recipes)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe.")
@click.option(
    "--steps", default=3, show_default=True, type=click.IntRange(1), help="Number of steps to time, of each kind."
)
@device_option
@click.option("--total-steps", type=click.IntRange(1), help="Steps of a whole run of a sampled program.")
@data_option
@store_option
@machine_options
def estimate(
    recipes: tuple[str, ...],
    runs: int,
    steps: int,
    device: str,
    total_steps: int | None,
    data: str | None,
    store: str,
    machine: MachineOptions,
) -> None:
    """Extrapolate RECIPE… on this machine from a few measured steps each: seconds, and dollars if there is a price.

    Nothing is recorded, since an extrapolation says nothing about accuracy. Compilation and loading are not counted.
    For the time and cost of a sweep on rented machines, see `bench plan SWEEP.yaml`.

    RECIPE may also be the name of a program with samples in the store (`bench exec --steps`): then the output is what
    a whole run would take and cost on the machines that it was sampled on.
    """
    if unknown := not_recipes(recipes):
        from bench.cli.parts.sampled import sampled_table  # pandas is for those who sampled something

        table, programs = sampled_table(unknown, store, total_steps)
        click.echo(table, nl=False)
        recipes = tuple(name for name in recipes if name not in programs)
        if not recipes:
            return

    found = [find(name) for name in dict.fromkeys(recipes)]
    lease = lease_by_options(machine)
    hourly = machine_hourly(lease.price, lease.accelerators)
    folder = cifar10.find(data)
    compute, images = prepare_device(device), cifar10.load(folder)  # type: ignore[arg-type]  # click.Choice allows just these
    from bench.measure.extrapolate import extrapolate
    from bench.training.loop import Training

    for recipe in found:
        trainer = recipe.build(images, compute)
        assert isinstance(trainer, Training)  # as every recipe's is
        extrapolation = extrapolate(trainer, steps)
        seconds = extrapolation.total * runs
        cost = train_cost(seconds, hourly)
        click.echo(
            f"{recipe.name}: about {seconds:.3g} s for {plural(runs, 'run')}, "
            + (f"{cost:.3g} {lease.price.currency}" if cost is not None and lease.price else "cost unknown (no price)")
            + f"; extrapolated from {extrapolation.sampled} of {extrapolation.steps} steps, {trainer.compute.path}"
        )


def _a_number(value: float) -> float:
    """`value`, unless it is nan, which is in every range and would be found out after the first run."""
    if math.isnan(value):
        raise ValueError("nan is not a number")
    return value


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE…", shell_complete=complete_recipes)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe, interleaved.")
@seed_option
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    callback=parsed(_a_number),
    help="Target accuracy, 0..1, instead of the recipe's own.",
)
@device_option
@click.option(
    "--gpus",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Number of GPUs to train on together, one process each; with --device cpu that many CPU processes.",
)
@data_option
@click.option(
    "--held-out",
    is_flag=True,
    help="Train on 40,000 of the training images and test on the other 10,000, to select without the test set.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the series of this launch: runs that the store already holds are not repeated.",
)
@click.option(
    "--fingerprint/--no-fingerprint",
    envvar=variables.FINGERPRINT.name,
    default=True,
    show_default=True,
    help="Measure the machine before the first run, off the clock: 20 s on a GPU, 1 s on a processor.",
)
@recording_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress on stderr.")
def run(
    recipes: tuple[str, ...],
    runs: int,
    seed: int,
    target: float | None,
    device: str,
    gpus: int,
    data: str | None,
    held_out: bool,
    resume: bool,
    fingerprint: bool,
    store: str,
    echo: bool,
    show_cost: bool,
    machine: MachineOptions,
    quiet: bool,
) -> None:
    """Train RECIPE… from scratch, --runs times each, and store a record of every run as it ends.

    Several recipes are interleaved round by round. Without a price, the cost stays unknown. If a run failed the exit
    code is 6, and its record says why.
    """
    opened_store = open_store(store)
    lease = acquire_lease(machine, opened_store, os.environ)
    series = series_of(os.environ) if resume else None
    if resume and series is None:
        name = variables.SERIES_ID.name
        click.echo(f"bench: --resume: neither a launch nor {name} names a series, so all runs are executed", err=True)
    request = Request(
        recipes=[find(name) for name in dict.fromkeys(recipes)],
        runs=runs,
        first_seed=seed,
        data=data,
        held_out=held_out,
        device=device,  # type: ignore[arg-type]  # click.Choice allows just these words
        gpus=gpus,
        target=target,
        lease=lease_part(lease),
        series=series,
        fingerprint=fingerprint,
        echo=echo,
    )
    statuses = set()
    with (
        lease_cost_shown(lease, opened_store, shown=show_cost) as phases,
        # Closed at once where stdout breaks, so that the lease ends then.
        closing(measure(request, opened_store, Progress(quiet=quiet))) as measured,
    ):
        for result, key in measured:
            statuses.add(result.status)
            phases += result.phases
            click.echo(key)
    if not statuses and resume:
        click.echo(f"bench: all these runs are in {store} already", err=True)
    end_unless_completed(statuses)
