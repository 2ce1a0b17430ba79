"""A line a cell: what it says, when it says it, and that it says unknown where nobody knows."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from bench.record.documents import utc_now
from bench.sweep.orchestration.progress import Lines, cell_line, span
from bench.sweep.orchestration.state import Budget, CellState, Stage, StopReason
from bench.sweep.provisioning.failure import Failure
from bench.sweep.provisioning.provisioner import Instance
from bench.sweep.spec import Cell


@pytest.fixture
def cell() -> CellState:
    return CellState(Cell("trial", "v100"), planned=10)


def _an_hour(cell: CellState, hourly: str | None) -> CellState:
    """The cell an hour after its launch, at that price."""
    instance = Instance("aws", hourly=Decimal(hourly) if hourly else None)
    return replace(cell.enter(Stage.PROVISIONING), instance=instance, started=utc_now() - timedelta(hours=1))


def test_off_a_terminal_a_line_comes_with_every_change_and_not_between(cell: CellState) -> None:
    shown = io.StringIO()
    with Lines(Console(file=shown, width=200)) as lines:
        lines.show([cell])
        for _ in range(3):
            lines.show([cell.enter(Stage.PROVISIONING)])
        lines.show([cell.enter(Stage.RUNNING)])
        lines.show([replace(cell.enter(Stage.RUNNING), runs=4)])
    assert [line.split(",")[0] for line in shown.getvalue().splitlines()] == [
        "v100: queued",
        "v100: provisioning",
        "v100: run 1 of 10",
        "v100: run 5 of 10",
    ]


def test_on_a_terminal_the_lines_are_one_table_that_is_written_over(cell: CellState) -> None:
    shown = io.StringIO()
    other = CellState(Cell("trial", "a100", spot=True), planned=10)
    with Lines(Console(file=shown, width=80, force_terminal=True)) as lines:
        lines.show([cell, other])
        lines.show([_an_hour(cell, "3.06").enter(Stage.SETUP), other])
    assert "v100       setup   1:00:00  3.06 USD" in shown.getvalue()
    assert "\x1b[1A" in shown.getvalue()


def test_dollars_without_a_price_are_unknown(cell: CellState) -> None:
    assert cell_line(_an_hour(cell, None)).endswith("1:00:00, unknown USD")


def test_a_launch_that_goes_on_may_cost_something_already(cell: CellState) -> None:
    cell = cell.enter(Stage.PROVISIONING)
    assert cell.dollars() is None
    assert replace(cell, failure=Failure("CAPACITY", "none to be had")).dollars() == 0


def test_the_clock_stops_when_the_machine_is_given_back(cell: CellState) -> None:
    cell = _an_hour(cell, "3.06").enter(Stage.DONE)
    elapsed = cell.elapsed()
    assert cell.elapsed() == elapsed
    assert cell_line(cell) == "v100: done, 0 of 10 runs recorded, 1:00:00, 3.06 USD"


def test_a_failure_says_why(cell: CellState) -> None:
    cell = replace(cell, failure=Failure("QUOTA", "limit 0 in us-east-1")).enter(Stage.FAILED)
    assert cell_line(cell).startswith("v100: failed QUOTA: limit 0 in us-east-1")


def test_words_of_others_are_no_markup(cell: CellState) -> None:
    shown = io.StringIO()
    cell = replace(cell, failure=Failure("ERROR", "[bold]x[/bold] [137]")).enter(Stage.FAILED)
    with Lines(Console(file=shown, width=200)) as lines:
        lines.show([cell])
    assert "[bold]x[/bold] [137]" in shown.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00:00"), (59.6, "0:01:00"), (3723, "1:02:03"), (90000, "25:00:00")]
)
def test_spans(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_a_budget_is_exceeded_by_dollars_or_by_time(cell: CellState) -> None:
    hour = timedelta(hours=1)
    priced, unpriced = _an_hour(cell, "3.06"), _an_hour(CellState(Cell("trial", "a100"), 1), None)
    assert Budget().exceeded([priced], hour * 1000) is None
    assert Budget(cost=Decimal("3.06")).exceeded([priced, unpriced], hour) is StopReason.COST
    assert Budget(cost=Decimal("3.07")).exceeded([priced, unpriced], hour) is None
    assert Budget(cost=Decimal("3.07"), duration=hour).exceeded([priced], hour) is StopReason.DURATION
    assert Budget(cost=Decimal(1)).uncounted([priced, unpriced]) == [unpriced]
    assert Budget().uncounted([unpriced]) == []
