"""bench estimate: recipes and sampled programs, extrapolated: seconds, and dollars where there is a price."""

from __future__ import annotations

import click

from bench.billing.prices import machine_hourly, train_cost
from bench.cli.parts.common import complete_recipes, data_option, device_option, machine_options, store_option
from bench.lease.machine import MachineOptions, lease_by_options
from bench.measure.session import prepare_device
from bench.recipes import find, not_recipes
from bench.text import plural
from bench.training import data as cifar10


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE…", shell_complete=complete_recipes)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe.")
@click.option("--steps", default=3, show_default=True, type=click.IntRange(1), help="Steps to time of each kind.")
@device_option
@click.option("--total-steps", type=click.IntRange(1), help="Steps of a whole run of a program that was sampled.")
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
    """Extrapolate RECIPE… on this machine from a few measured steps each: seconds, and dollars where there is a price.

    Nothing is recorded: an extrapolation says nothing of accuracy. Compilation and loading are not counted. What a
    sweep would take and cost on rented machines is said by `bench plan SWEEP.yaml`.

    In place of a recipe the name of a program of which the store holds samples (`bench exec --steps`): what a whole run
    would take and cost on the machines that it was sampled on.
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
            + (f"{cost:.3g} {machine.currency}" if cost is not None else "cost unknown (no price)")
            + f"; extrapolated from {extrapolation.sampled} of {extrapolation.steps} steps, {trainer.compute.path}"
        )
