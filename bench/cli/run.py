"""bench run: recipes on this machine, trained and recorded."""

from __future__ import annotations

import os
from contextlib import closing

import click

from bench import variables
from bench.cli.parts.common import (
    complete_recipes,
    data_option,
    device_option,
    end_unless_completed,
    recording_options,
    seed_option,
)
from bench.cli.parts.job_cost import lease_cost_text, lease_part
from bench.lease.lease import acquire_lease, series_of
from bench.lease.machine import MachineOptions
from bench.measure.progress import Progress
from bench.measure.session import Request, measure
from bench.recipes import find
from bench.record.documents import Phase
from bench.store import open_store


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE…", shell_complete=complete_recipes)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Runs of each recipe, interleaved.")
@seed_option
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    help="Accuracy to reach, 0..1, in place of the recipe's own.",
)
@device_option
@click.option(
    "--gpus",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="GPUs to train on together, a process each; with --device cpu that many processes on the processor.",
)
@data_option
@click.option(
    "--held-out",
    is_flag=True,
    help="Train on 40,000 of the training images and test on the other 10,000: to choose without the test set.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the series of this launch: runs of it that the store holds are not made again.",
)
@click.option(
    "--fingerprint/--no-fingerprint",
    envvar=variables.FINGERPRINT.name,
    default=True,
    show_default=True,
    help="Measure the machine before the first run, off the clock: 20 s on a GPU, 1 s on a processor.",
)
@recording_options
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
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

    Several recipes are interleaved round by round. Without a price, cost stays unknown. Where a run failed the exit
    code is 6, and its record says why.
    """

    opened_store = open_store(store)
    lease = acquire_lease(machine, opened_store, os.environ)
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
        series=series_of(os.environ) if resume else None,
        fingerprint=fingerprint,
        echo=echo,
    )
    statuses = set()
    phases: list[Phase] = []
    try:
        # Closed at once where stdout breaks, so that the lease ends then.
        with closing(measure(request, opened_store, Progress(quiet=quiet))) as measured:
            for result, key in measured:
                statuses.add(result.status)
                phases += result.phases
                click.echo(key)
    finally:
        if show_cost:
            click.echo(lease_cost_text(lease, opened_store, phases), err=True)
    if not statuses and resume:
        click.echo(f"bench: all these runs are in {store} already", err=True)
    end_unless_completed(statuses)
