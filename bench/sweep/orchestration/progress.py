"""One progress line per cell on stderr: live on a terminal, elsewhere printed whenever it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.sweep.orchestration.state import CellState, Stage


class Lines:
    """Shows the cells of a sweep while they run. Use it as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self.console, auto_refresh=False)
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Lines:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live.is_started:
            with suppress(OSError):
                self._live.stop()

    def show(self, cells: Sequence[CellState]) -> None:
        """Show the current state of the cells. A terminal that is gone stops nothing."""
        with suppress(OSError):
            self._show(cells)

    def _show(self, cells: Sequence[CellState]) -> None:
        if self._live.is_started:
            table = Table.grid(padding=(0, 2))
            for cell in cells:
                table.add_row(*(Text(word, overflow="fold") for word in (cell.cell.name, step(cell), *_counted(cell))))
            self._live.update(table, refresh=True)
            return
        for cell in cells:
            if self._shown.get(cell.cell.name) != step(cell):
                self._shown[cell.cell.name] = step(cell)
                self.say(cell_line(cell))

    def say(self, line: str) -> None:
        """Print a separate line. A terminal that is gone stops nothing."""
        with suppress(OSError):
            self.console.print(line, markup=False, soft_wrap=True)


def cell_line(cell: CellState) -> str:
    """A cell on one line."""
    return f"{cell.cell.name}: {', '.join([step(cell), *filter(None, _counted(cell))])}"


def step(cell: CellState) -> str:
    """The stage of a cell, in words."""
    if cell.stage is Stage.RUNNING:
        return f"run {min(cell.runs + 1, cell.planned)} of {cell.planned}"
    if cell.failure and cell.stage is Stage.FAILED:
        return f"failed {cell.failure.reason}: {cell.failure.words}"
    if cell.stage.over:
        return f"{cell.stage.value}, {cell.runs} of {cell.planned} runs recorded"
    if cell.stage is Stage.TEARDOWN and cell.left:
        return f"could not be given back yet, retrying: {cell.left_because}; by hand: {cell.left}"
    return str(cell.stage.value)


def _counted(cell: CellState) -> Iterator[str]:
    """Elapsed time and dollars of a cell that has begun."""
    if cell.started is None:
        yield from ("", "")
        return
    yield span(cell.elapsed())
    dollars = cell.dollars()
    yield "unknown USD" if dollars is None else f"{dollars:.2f} USD"


def span(length: timedelta) -> str:
    """Such as 1:02:03."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
