"""Progress bars for works that take long: on stderr, only on a terminal, only while there is something to wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock, Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bench.text import one_line
from bench.tracking import reporting_to

# What is done sooner needs no bar.
_PATIENCE_S = 1.0


class Bars:
    """A bar for each work in hand, from `patience` seconds on until none is left."""

    def __init__(self, console: Console, patience: float = _PATIENCE_S) -> None:
        # stdout is for results, and both streams are already what they should be.
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),  # it may be the name of a file
            BarColumn(),
            TextColumn("{task.completed:,}/{task.fields[of]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._patience = patience
        self._lock = RLock()
        self._tasks: set[TaskID] = set()
        self._timer: Timer | None = None

    @contextmanager
    def task(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar as long as the context. See `bench.tracking.Listener`."""
        task = self._progress.add_task(one_line(what), total=total, of="?" if total is None else f"{total:,}")
        with self._lock:
            self._tasks.add(task)
            if self._timer is None:
                self._timer = Timer(self._patience, self._show)
                self._timer.daemon = True
                self._timer.start()
        try:
            yield lambda count: self._progress.advance(task, count)
        finally:
            with self._lock:
                self._tasks.discard(task)
                if not self._tasks:
                    self.stop()
            self._progress.remove_task(task)

    def stop(self) -> None:
        """Take the bars away."""
        with self._lock:
            self._tasks.clear()
            if self._timer:
                self._timer.cancel()
            self._timer = None
            self._progress.stop()

    def _show(self) -> None:
        with self._lock:
            if self._tasks:
                self._progress.start()


@contextmanager
def showing_bars() -> Iterator[None]:
    """Show a bar on stderr for each work in hand in this thread meanwhile."""
    bars = Bars(Console(stderr=True))
    try:
        with reporting_to(bars):
            yield
    finally:
        bars.stop()
