"""bench exec: your own program, run to its end, to a target, or for a few steps, and recorded."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from bench.billing.prices import machine_hourly, train_cost
from bench.cli.parts.common import (
    complete_files,
    end_unless_completed,
    metric_option,
    parsed,
    recording_options,
    seed_option,
)
from bench.cli.parts.job_cost import lease_cost_text, lease_part, opened_lease
from bench.errors import BenchError, UsageError
from bench.lease.lease import LeaseHandle, acquire_lease
from bench.lease.machine import MachineOptions
from bench.measure.program import ProgramRequest, program_runs
from bench.measure.recording import recorded
from bench.measure.signals import Interrupts
from bench.programs.job import GRACE_S, Job, Target, parse_target
from bench.programs.nodes import node_of
from bench.programs.running.follower import follow_or_say
from bench.record.documents import Phase, Run, policy_seconds
from bench.store import Store, open_store
from bench.text import UNKNOWN, duration, significant


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument(
    "command",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    metavar="-- COMMAND…",
    shell_complete=complete_files,
)
@click.option("--target", callback=parsed(parse_target), metavar="'METRIC <= VALUE'", help="Quality to reach.")
@click.option("--stop-at-target", is_flag=True, help="Stop the program once it is at its target.")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="How often to run it.")
@seed_option
@click.option("--name", metavar="NAME", help="What reports call it.  [default: that of its script]")
@click.option("--steps", type=click.IntRange(1), help="A sample: stop the program after so many steps.")
@click.option("--total-steps", type=click.IntRange(1), help="Steps of a whole run, where the program does not say.")
@click.option("--timeout", callback=parsed(duration), metavar="90m", help="A run that takes longer has failed.")
@click.option(
    "--grace",
    default=f"{GRACE_S:g}s",
    show_default=True,
    callback=parsed(duration),
    metavar="TIME",
    help="From SIGTERM, which asks the program to end, to SIGKILL.",
)
@metric_option
@click.option(
    "--logs",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Look there, too, for TensorBoard's files and trainer_state.json. May be repeated.",
)
@recording_options
@click.option("-q", "--quiet", is_flag=True, help="Nothing of bench's own on stderr but errors.")
def exec_(
    command: tuple[str, ...],
    target: Target | None,
    stop_at_target: bool,
    runs: int,
    seed: int,
    name: str | None,
    steps: int | None,
    total_steps: int | None,
    timeout: Any,
    grace: Any,
    patterns: dict[str, str],
    folders: tuple[Path, ...],
    store: str,
    echo: bool,
    show_cost: bool,
    machine: MachineOptions,
    quiet: bool,
) -> None:
    """Run COMMAND, your own training, and store a record of each run: its time, steps, metrics and price.

    Its output is passed on as it is, and progress is read from it: JSON lines, :::MLLOG, key: value, tqdm, files of
    TensorBoard, or the file that $BENCH_EVENTS names. `bench metrics` shows what is read and what is not.

    The seed of a run is in $BENCH_SEED, and stands for {seed} in COMMAND. With --steps the program is stopped after so
    many, and `bench estimate` tells what the rest would take. What bench has to say goes to stderr. Where a run failed
    the exit code is 6, and its record says why.

    On several nodes of SkyPilot the first one measures, at the price of all; on the others the same line only runs it.
    """
    if stop_at_target and target is None:
        raise UsageError("--stop-at-target needs a --target")
    job = Job(
        command,
        seed=seed,
        name=name,
        target=target,
        stops_at_target=stop_at_target,
        steps=steps,
        total_steps=total_steps,
        timeout=timeout.total_seconds() if timeout else None,
        grace=grace.total_seconds(),
    )
    node = node_of(os.environ)
    if node and node.rank:
        sys.exit(follow_or_say(node, job, os.environ))
    opened_store = open_store(store)
    lease = acquire_lease(machine, opened_store, os.environ)
    request = ProgramRequest(job, runs, patterns, folders, lease.lease_id, node)
    request.check(os.environ)
    opened_store.check_writable()
    hourly = _hourly(lease, opened_store)
    done: list[Run] = []
    phases: list[Phase] = []
    interrupts = Interrupts()
    sys.stdout.flush()  # the program writes to the same descriptor
    try:
        for run, key in recorded(
            lambda: program_runs(request, os.environ, interrupts),
            lease_part(lease),
            opened_store,
            interrupts,
            echo=echo,
        ):
            done.append(run)
            phases += run.phases
            if not quiet or run.status != "completed":
                click.echo(f"bench: {outcome(run)}{_cost(run, hourly)}; {key}", err=True)
    finally:
        if show_cost:
            click.echo(lease_cost_text(lease, opened_store, phases), err=True)
    _exit(done)


def outcome(run: Run) -> str:
    """How a run of a program went, in a line."""
    head = f"{run.label} seed {run.seed} [{run.series.index + 1}/{run.series.planned}]: "
    if run.status != "completed":
        return head + f"{run.status} ({run.reason}): {run.message}"
    progress = run.progress
    parts = [f"{significant(run.phases[-1].stop)} s" if run.phases else UNKNOWN]
    if run.ended == "sampled" and progress:
        total = f" of {progress.total_steps}" if progress.total_steps else ""
        parts = [f"sampled up to {progress.unit} {progress.last_step}{total} in {parts[0]}"]
    if run.target:
        seconds = policy_seconds(run, "cold")
        reached = "missed" if seconds is None else f"hit after {significant(seconds)} s"
        value = next((e.metrics[run.target.metric] for e in reversed(run.evaluations)), None)
        parts.append(f"{run.target.metric} {UNKNOWN if value is None else f'{value:.6g}'}, {reached}")
    elif run.evaluations and run.ended != "sampled":
        parts += [f"{name} {value:.6g}" for name, value in list(run.evaluations[-1].metrics.items())[:4]]
    if progress and progress.step_seconds:
        parts.append(f"{significant(progress.step_seconds.p50)} s a {progress.unit} ({progress.source})")
    elif progress is None:
        parts.append("no steps were seen: `bench metrics` shows what is read in a log")
    return head + ", ".join([*parts, *run.warnings])


def _hourly(lease: LeaseHandle, store: Store) -> tuple[Decimal, str] | None:
    """What an hour of this machine costs, and in what currency."""
    try:
        opened = opened_lease(lease, store)
    except BenchError:
        return None
    hourly = machine_hourly(opened.price, opened.accelerators)
    return (hourly, opened.price.currency) if hourly is not None and opened.price else None


def _cost(run: Run, hourly: tuple[Decimal, str] | None) -> str:
    if hourly is None or not run.phases:
        return ""
    cost = train_cost(run.phases[-1].stop, hourly[0])
    return "" if cost is None else f", {significant(cost)} {hourly[1]}"


def _exit(runs: list[Run]) -> None:
    """End with the code of the worst run. Raises UsageError for a total that the program contradicts."""
    end_unless_completed({run.status for run in runs})
    for run in runs:
        if run.progress and run.progress.contradicted_by is not None:
            raise UsageError(
                f"--total-steps {run.progress.total_steps}, but the program shows {run.progress.contradicted_by}; "
                "the record says both"
            )
