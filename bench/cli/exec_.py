"""bench exec: your own program, run to its end, to a target, or for some steps, and recorded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bench.cli.parts import complete_files, end_unless_completed, metric_option, parsed, recording_options, seed_option
from bench.cli.parts.job_cost import lease_cost_shown, lease_hourly, lease_part, run_cost_text
from bench.errors import UsageError
from bench.lease import MachineOptions, acquire_lease
from bench.measure.program import ProgramRequest, measure_program, outcome
from bench.programs.job import GRACE_S, Job, Target, node_of, parse_target
from bench.programs.running.follower import follow_or_say
from bench.record.documents import Run
from bench.store import open_store
from bench.text import duration


def _seconds(text: str) -> float:
    return duration(text).total_seconds()


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument(
    "command",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    metavar="-- COMMAND…",
    shell_complete=complete_files,
)
@click.option("--target", callback=parsed(parse_target), metavar="'METRIC <= VALUE'", help="Target.")
@click.option("--stop-at-target", is_flag=True, help="Stop the program once it has reached its target.")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Number of runs.")
@seed_option
@click.option("--name", metavar="NAME", help="Name in reports.  [default: the script's]")
@click.option("--steps", type=click.IntRange(1), help="Take a sample: stop the program after this many steps.")
@click.option("--total-steps", type=click.IntRange(1), help="Steps of a whole run, if the program does not show it.")
@click.option("--timeout", callback=parsed(_seconds), metavar="90m", help="Fail a run that takes longer.")
@click.option(
    "--grace",
    default=f"{GRACE_S:g}s",
    show_default=True,
    callback=parsed(_seconds),
    metavar="TIME",
    help="Time from SIGTERM to SIGKILL when stopping the program.",
)
@metric_option
@click.option(
    "--logs",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also look there for TensorBoard files, trainer_state.json and CSV files. May be repeated.",
)
@recording_options
@click.option("-q", "--quiet", is_flag=True, help="Print only errors on stderr, beside the program's own output.")
def exec_(
    command: tuple[str, ...],
    target: Target | None,
    stop_at_target: bool,
    runs: int,
    seed: int,
    name: str | None,
    steps: int | None,
    total_steps: int | None,
    timeout: float | None,
    grace: float,
    patterns: dict[str, str],
    folders: tuple[Path, ...],
    store: str,
    echo: bool,
    show_cost: bool,
    machine: MachineOptions,
    quiet: bool,
) -> None:
    """Run COMMAND, your own training program, and store a record of each run: its time, steps, metrics and price.

    Its output is passed through unchanged, and progress is read from it: JSON lines, :::MLLOG, key: value, tables,
    tqdm, TensorBoard or CSV files, or the file $BENCH_EVENTS. `bench metrics` shows what is read and what is not.

    The seed of a run is in $BENCH_SEED, and replaces {seed} in COMMAND. With --steps the program is stopped after that
    many steps, and `bench estimate` predicts a whole run. bench's own messages go to stderr. If a run failed the exit
    code is 6, and its record says why.

    On several nodes of SkyPilot the first one measures, at the price of all; the others only run COMMAND.
    """
    if stop_at_target and target is None:
        raise UsageError("--stop-at-target needs --target")
    job = Job(
        command,
        seed=seed,
        name=name,
        target=target,
        stops_at_target=stop_at_target,
        steps=steps,
        total_steps=total_steps,
        timeout=timeout,
        grace=grace,
        quiet=quiet,
    )
    node = node_of(os.environ)
    if node and node.rank:
        sys.exit(follow_or_say(node, job, os.environ))
    opened_store = open_store(store)
    lease = acquire_lease(machine, opened_store, os.environ)
    request = ProgramRequest(job, runs, patterns, folders, lease.lease_id, node)
    request.check(os.environ)
    opened_store.check_writable()
    hourly = lease_hourly(lease, opened_store)
    done: list[Run] = []
    sys.stdout.flush()  # the program writes to the same descriptor
    with lease_cost_shown(lease, opened_store, shown=show_cost) as phases:
        for run, key in measure_program(request, os.environ, lease_part(lease), opened_store, echo=echo):
            done.append(run)
            phases += run.phases
            if not quiet or run.status != "completed":
                click.echo(f"bench: {outcome(run)}{run_cost_text(run, hourly)}; {key}", err=True)
    _exit(done)


def _exit(runs: list[Run]) -> None:
    """End with the code of the worst run. Raises UsageError for a total that the program contradicts."""
    end_unless_completed({run.status for run in runs})
    for run in runs:
        if run.progress and run.progress.contradicted_by is not None:
            raise UsageError(
                f"--total-steps {run.progress.total_steps}, but the program shows {run.progress.contradicted_by}; "
                "the record says both"
            )
