"""bench sweep: the cells of a sweep file, each on a machine rented for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from math import ceil

import click

from bench.cli.parts.common import complain, complete_files, confirm, store_option
from bench.cli.parts.planned import planned_from_records
from bench.errors import UsageError
from bench.store import open_store
from bench.store.lock import locked
from bench.sweep.orchestration.progress import Lines, cell_line, span
from bench.sweep.orchestration.state import Budget, CellState, Stage
from bench.sweep.orchestration.sweep_runner import SweepResult, SweepRunner
from bench.sweep.planning.plan import Plan
from bench.sweep.provisioning.failure import plain
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.sweep.spec import Sweep, duration, load


@click.command()
@click.argument("path", metavar="SWEEP.yaml", shell_complete=complete_files)
@store_option
@click.option("--max-cost", metavar="USD", help="Give all back at so many dollars, in place of the file's max_cost.")
@click.option("--max-duration", metavar="TIME", help="Give all back after 90s, 45m, 2h, …, in place of the file's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sweep(path: str, store: str, max_cost: str | None, max_duration: str | None, yes: bool) -> None:
    """Rent a machine for each cell of SWEEP.yaml through SkyPilot, make its runs, and give it back.

    All cells go on at once; one that fails does not stop the others. Cells whose runs are in the store already are
    skipped: the same command goes on with a sweep that broke off, on its machines where they still stand. Records go to
    the sweep's own s3:// store; without one they come home into --store as they appear. Ctrl-C gives all machines back.
    Without max_cost and max_duration, all is given back at twice the plan's upper bounds. Where a cell failed, or the
    budget was reached, the exit code is 6.
    """
    loaded = load(path)
    budget = Budget(
        _dollars(max_cost) if max_cost is not None else loaded.max_cost,
        _time(max_duration) if max_duration is not None else loaded.max_duration,
    )
    opened = open_store(loaded.store or store)
    opened.check_writable()
    with locked(opened, f"sweep-{loaded.name}") as lost:
        runner = SweepRunner(loaded, SkyPilot(), opened, os.environ)
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
        raise UsageError(f"--max-cost {text}: is no amount of dollars above 0, such as 20 or 2.50")
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
        most = "an unknown sum" if planned.most_dollars is None else f"{planned.most_dollars:.2f}"
        line += f", about {planned.dollars:.2f} USD, at most {most}"
    if planned.unknown:
        line += f"; the cost of {planned.unknown} is unknown"
    budget = _bounded(budget, planned, loaded.parallel or len(queued))
    bounds = [f"{budget.cost} USD"] if budget.cost else []
    if budget.duration:
        bounds.append(span(budget.duration))
    line += f"; all is given back at {' or after '.join(bounds)}"
    click.echo(f"{loaded.name}: {line}. By cell: bench plan", err=True)
    return budget


def _bounded(budget: Budget, planned: Plan, at_once: int) -> Budget:
    """The budget, with twice the plan's upper bounds in place of those that nobody has given."""
    cost, seconds = planned.most_dollars, planned.most_seconds
    if budget.cost is None and cost and not planned.unknown:
        budget = replace(budget, cost=(2 * cost).quantize(Decimal("0.01"), ROUND_UP))
    if budget.duration is None and seconds:
        rounds = ceil(len(planned.cells) / at_once)
        budget = replace(budget, duration=timedelta(seconds=ceil(2 * rounds * seconds)))
    if budget.cost is None and budget.duration is None:
        raise UsageError(
            f"{planned.sweep.name}: its cost and its time are not known beforehand; give --max-cost or --max-duration"
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
                f"bench: {state.cell.name}: its machine may still cost money; give it back: {state.left}", err=True
            )
