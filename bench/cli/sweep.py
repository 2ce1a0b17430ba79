"""bench sweep: every cell of a sweep file, each on a machine rented for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import click

from bench.cli import options
from bench.cli.plan import planned_from_records
from bench.errors import UsageError
from bench.store import open_store
from bench.sweep.orchestration.progress import Lines, cell_line
from bench.sweep.orchestration.state import Budget, CellState, Stage
from bench.sweep.orchestration.sweep_runner import SweepResult, SweepRunner
from bench.sweep.provisioning.failure import plain
from bench.sweep.provisioning.skypilot import SkyPilot, quietly
from bench.sweep.spec import Sweep, duration, load


@click.command()
@click.argument("path", metavar="SWEEP.yaml")
@options.store
@click.option("--max-cost", metavar="USD", help="Give all back at so many dollars, in place of the file's max_cost.")
@click.option("--max-duration", metavar="TIME", help="Give all back after 90s, 45m, 2h, …, in place of the file's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sweep(path: str, store: str, max_cost: str | None, max_duration: str | None, yes: bool) -> None:
    """Rent a machine for each cell of SWEEP.yaml through SkyPilot, make its runs, and give it back.

    All cells go on at once; one that fails does not stop the others. Cells whose runs are in the store already are
    skipped: the same command goes on with a sweep that broke off. Records go to the sweep's own s3:// store; without
    one they come home into --store before a machine is given back. Ctrl-C gives all machines back.
    """
    loaded = load(path)
    budget = Budget(
        _dollars(max_cost) if max_cost is not None else loaded.max_cost,
        _time(max_duration) if max_duration is not None else loaded.max_duration,
    )
    runner = SweepRunner(loaded, SkyPilot(), open_store(loaded.store or store), os.environ)
    queued = [state for state in runner.load_state() if state.stage is Stage.QUEUED]
    if queued:
        _show_plan(loaded, queued, budget.cost)
        if not yes:
            confirm("Go on?")
        with quietly():
            runner.check()
            result = runner.run(budget, Lines())
    else:
        result = runner.result()
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


def confirm(question: str) -> None:
    """Ask on stderr. Raises Abort for a no, and UsageError where nobody is there to answer."""
    if not sys.stdin.isatty():
        raise UsageError("not a terminal, so the question cannot be asked; give --yes")
    click.confirm(question, abort=True, err=True)


def _show_plan(loaded: Sweep, queued: Sequence[CellState], most: Decimal | None) -> None:
    """What is about to be rented, on a line, by the same records and prices as `bench plan`."""
    planned, errors = planned_from_records(loaded)
    cells = {state.cell for state in queued}
    planned = replace(planned, cells=tuple(each for each in planned.cells if each.cell in cells))
    for error in errors:
        click.echo(f"bench: {error}", err=True)
    line = f"{len(queued)} of {len(loaded.cells())} cells to run"
    if planned.dollars is not None:
        line += f", about {planned.dollars:.2f} USD, at most {planned.most_dollars:.2f}"
    if planned.unknown:
        line += f"; the cost of {planned.unknown} is unknown"
    line += f"; all is given back at {most} USD" if most else ""
    click.echo(f"{loaded.name}: {line}. By cell: bench plan", err=True)


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
