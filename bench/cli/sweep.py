"""bench plan and bench sweep: what a sweep would cost; and its machines rented, run on, and given back."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal
from functools import partial
from math import ceil

import click

from bench.cli.parts import (
    complain,
    complete_files,
    complete_folders,
    confirm,
    format_option,
    refuse,
    store_option,
    to_terminal,
    with_progress,
    write,
)
from bench.errors import RecordError, UsageError
from bench.recipes import RECIPES
from bench.store import open_store
from bench.store.lock import locked
from bench.sweep.orchestration.progress import Lines, cell_line, span
from bench.sweep.orchestration.state import Budget, CellState, Stage
from bench.sweep.orchestration.sweep_runner import SweepResult, SweepRunner
from bench.sweep.planning.duration import read_history, usual_folders
from bench.sweep.planning.plan import Plan, ask_all, plan_sweep
from bench.sweep.planning.render import render
from bench.sweep.provisioning import plain
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.sweep.spec import Sweep, load
from bench.text import duration
from bench.variables import STORE


def planned_from_records(
    sweep: Sweep, stores: Sequence[str] = (), *, offline: bool = False
) -> tuple[Plan, list[RecordError]]:
    """The plan of `sweep`, by the records in `stores`, and the records that cannot be trusted.

    Without `stores`: those of `results` and `results/local`, where they are there, and of BENCH_STORE.
    """
    usual = usual_folders() + ([named] if (named := STORE.read(os.environ)) else [])
    opened = [open_store(store) for store in stores or usual]
    history, errors = read_history(opened, sweep.recipes)
    if sweep.program and (task := sweep.task_sha256):
        from bench.cli.parts.sampled import program_times  # scipy takes longer than a plan without it

        history = replace(history, programs=program_times(opened, sweep.program, task))
    return plan_sweep(sweep, history, partial(ask_all, offline=offline)), errors


class _PlanCommand(click.Command):
    """Refers a call of `bench plan RECIPE…`, with whatever options, to `bench estimate`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {recipe.name for recipe in RECIPES}
        if recipes := [word for word in args if word in known]:
            raise UsageError(
                f"{recipes[0]} is a recipe, but bench plan needs a sweep file; for recipes on this machine: "
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
    help="Store with past runs to predict times from; may be repeated.  "
    f"[default: results, results/local and {STORE.name}]",
)
@click.option(
    "--power",
    metavar="'H100 v A100 5%'",
    help="Instead of a sweep: how many machines and runs it takes to show such a difference in time.",
)
@click.option("--offline", is_flag=True, help="Use only the prices included in bench.")
@format_option("table", "markdown", "csv", "json")
@with_progress
def plan(path: str | None, stores: tuple[str, ...], power: str | None, offline: bool, style: str) -> None:
    """Show what SWEEP.yaml would rent, for how long and for how many dollars, with an upper bound.

    It needs no account, no network (see --offline) and no SkyPilot, whose prices it uses if it is installed. Times
    come from records of the recipe, or of the task, on that GPU if there are any. For a recipe on this machine, see
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
        click.echo(f"bench: no prices from {failure.source}: {failure.why}", err=True)
    refuse(errors)


def _power(asked: str, style: str) -> str:
    from analysis.stats.planning import power_json, power_table, question  # scipy takes longer than a plan without it

    if style == "json":
        return power_json(question(asked))
    table = power_table(question(asked))
    forms = {"markdown": table.as_markdown, "csv": table.as_csv}
    return forms[style]() if style in forms else table.as_text(terminal=to_terminal(None))


@click.command()
@click.argument("path", metavar="SWEEP.yaml", shell_complete=complete_files)
@store_option
@click.option(
    "--max-cost", metavar="USD", help="Give all machines back at this cost in dollars; overrides the file's max_cost."
)
@click.option(
    "--max-duration",
    metavar="TIME",
    help="Give all machines back after 90s, 45m, 2h, …; overrides the file's max_duration.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def sweep(path: str, store: str, max_cost: str | None, max_duration: str | None, yes: bool) -> None:
    """Rent a machine for each cell of SWEEP.yaml through SkyPilot, execute its runs, and give it back.

    All cells run concurrently; one that fails does not stop the others. Cells whose runs are already in the store are
    skipped: the same command resumes an interrupted sweep, on its machines if they still exist. Records go to the
    sweep's own s3:// store; without one they are collected into --store as they appear. Ctrl-C gives all machines
    back. Without max_cost and max_duration, all are given back at twice the plan's upper bounds. If a cell failed, or
    the budget was reached, the exit code is 6.
    """
    loaded = load(path)
    budget = Budget(
        _dollars(max_cost) if max_cost is not None else loaded.max_cost,
        _time(max_duration) if max_duration is not None else loaded.max_duration,
    )
    opened = open_store(loaded.store or store)
    opened.check_writable()
    with locked(opened, f"sweep-{loaded.name}") as lost:
        runner = SweepRunner(loaded, SkyPilot(), opened)
        queued = [state for state in runner.load_state() if state.stage is Stage.QUEUED]
        if queued:
            budget = _show_plan(loaded, queued, budget)
            if not yes:
                confirm("Go on?")
        result = runner.result()
        if queued or runner.earlier.unclosed:  # a machine that stands costs money
            with quietly():
                runner.check()
                result = runner.run(budget, Lines(), lost)
    _report(result)
    sys.exit(result.exit_code)


def _dollars(text: str) -> Decimal:
    try:
        dollars = Decimal(text)
    except ArithmeticError:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or dollars <= 0:
        raise UsageError(f"--max-cost {text}: is not an amount of dollars above 0, such as 20 or 2.50")
    return dollars


def _time(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise UsageError(f"--max-duration: {error}") from None


def _show_plan(loaded: Sweep, queued: Sequence[CellState], budget: Budget) -> Budget:
    """Say what is about to be rented, on a line, by the same records and prices as `bench plan`; the budget for it.

    Raises UsageError where nobody has given a bound, and the plan has none either.
    """
    planned, errors = planned_from_records(loaded)
    cells = {state.cell for state in queued}
    planned = replace(planned, cells=tuple(each for each in planned.cells if each.cell in cells))
    complain(errors)
    line = f"{len(queued)} of {len(loaded.cells())} cells to run"
    if planned.dollars is not None:
        most = "an unknown amount" if planned.most_dollars is None else f"{planned.most_dollars:.2f}"
        line += f", about {planned.dollars:.2f} USD, at most {most}"
    if planned.unknown:
        line += f"; the cost of {planned.unknown} is unknown"
    budget = _bounded(budget, planned)
    bounds = [f"{budget.cost} USD"] if budget.cost else []
    if budget.duration:
        bounds.append(span(budget.duration))
    line += f"; all is given back at {' or after '.join(bounds)}"
    click.echo(f"{loaded.name}: {line}. By cell: bench plan", err=True)
    return budget


def _bounded(budget: Budget, planned: Plan) -> Budget:
    """The budget, with twice the plan's upper bounds for whatever was not given."""
    cost, seconds = planned.most_dollars, planned.most_seconds
    if budget.cost is None and cost and not planned.unknown:
        budget = replace(budget, cost=(2 * cost).quantize(Decimal("0.01"), ROUND_UP))
    if budget.duration is None and seconds:
        budget = replace(budget, duration=timedelta(seconds=ceil(2 * seconds)))
    if budget.cost is None and budget.duration is None:
        raise UsageError(
            f"{planned.sweep.name}: its cost and its time cannot be predicted; give --max-cost or --max-duration"
        )
    return budget


def _report(result: SweepResult) -> None:
    """How each cell ended, on stdout; what is left to do, on stderr."""
    for state in result.cells:
        click.echo(cell_line(state))
    for state in result.cells:
        for note in state.notes:
            click.echo(f"bench: {state.cell.name}: {plain(note)}", err=True)
    for state in result.cells:
        if state.left:
            click.echo(
                f"bench: {state.cell.name}: its machine may still cost money; give it back with: {state.left}", err=True
            )
