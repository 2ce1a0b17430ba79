"""Runs a sweep: every cell in a thread of its own, and one eye on the money, the clock and Ctrl-C."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

from bench.errors import BenchError
from bench.record.documents import Run, new_id
from bench.store import FolderStore, Store
from bench.sweep.orchestration.cell_runner import CellRunner, SweepContext
from bench.sweep.orchestration.launch import launch_request
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.records import RunIndex, ended, leases_of, series_of
from bench.sweep.orchestration.state import Budget, CellState, Stage, StopReason, StopSignal
from bench.sweep.provisioning.provisioner import Provisioner
from bench.sweep.spec import Cell, Sweep

_LOOK_S = 0.5
_COUNT_S = 10.0


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended."""

    cells: Sequence[CellState]
    because: StopReason | None

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 a machine is left; 6 a cell failed or a bound was reached; 0."""
        if self.because is StopReason.SIGNAL:
            return 130
        if any(cell.left for cell in self.cells):
            return 1
        return 6 if self.because or any(cell.outcome for cell in self.cells) else 0


class SweepRunner:
    """A sweep over `store`, on machines that `renting` rents."""

    def __init__(
        self,
        sweep: Sweep,
        provisioner: Provisioner,
        store: Store,
        environ: Mapping[str, str],
        poll: float = 5.0,
    ) -> None:
        self._sweep, self._store, self._environ = sweep, store, environ
        self._remote = not is_folder(store)
        self.stop = StopSignal()
        self._signals = 0
        self._stopping = False
        self._shared = SweepContext(sweep, provisioner, store, not self._remote, RunIndex(store), self.stop, poll)
        self._lives: list[CellRunner] = []
        self.cells: list[CellState] = []
        self._series: dict[Cell, tuple[str, list[Run]]] = {}

    def load_state(self) -> Sequence[CellState]:
        """Every cell, as the store has it: a cell with enough runs is skipped. Raises StoreError."""
        self._store.check_writable()
        self._shared.tally.refresh()
        for cell, leases in leases_of(self._sweep.cells(), self._store).items():
            series = series_of(leases)
            runs = self._shared.tally.runs(series)
            there = len(ended(self._sweep, runs))
            state = CellState(cell, self._sweep.runs * len(self._sweep.recipes), there)
            state.stage = Stage.SKIPPED if there == state.planned else Stage.QUEUED
            self.cells.append(state)
            self._series[cell] = series or "", runs
        return self.cells

    def check(self) -> None:
        """Raise BenchError where nothing can be rented, or a machine of an earlier call still is."""
        self._shared.provisioner.check()
        queued = {state.cell.cluster for state in self.cells if state.stage is Stage.QUEUED}
        if still := sorted({machine.cluster for machine in self._shared.provisioner.clusters()} & queued):
            raise BenchError(
                f"{', '.join(still)}: still there from an earlier call; `bench down {self._sweep.name}` brings its "
                "records home and gives it back"
            )

    def run(self, bounds: Budget, lines: Lines) -> SweepResult:
        """Run every cell that is queued, at once, and return when every machine is given back.

        A second signal returns at once; machines that are not given back by then are named. Raises StoreError before
        anything is rented where the machines could not write.
        """
        with tempfile.TemporaryDirectory(prefix="bench-sweep-") as folder:
            self._lives = [self._life(state, Path(folder)) for state in self.cells if state.stage is Stage.QUEUED]
            # Daemons: after a second signal nothing waits for them.
            threads = [
                threading.Thread(target=life.run, name=life.state.cell.name, daemon=True) for life in self._lives
            ]
            with self._listening(), lines:
                for thread in threads:
                    thread.start()
                try:
                    self._watch(threads, bounds, lines)
                except BaseException:
                    self._stop(StopReason.DEFECT)
                    for thread in threads:
                        thread.join()
                    raise
        for state in self.cells:
            if not state.stage.over and not state.left:
                state.left = f"bench down {state.cell.cluster}"
        return self.made()

    def made(self) -> SweepResult:
        """How the sweep stands."""
        return SweepResult(self.cells, self.stop.because)

    def _life(self, state: CellState, folder: Path) -> CellRunner:
        launch = new_id()
        series, earlier = self._series[state.cell]
        series = series or launch
        self._series[state.cell] = series, earlier
        records = None
        if earlier and not self._remote:
            records = folder / state.cell.name
            for run in earlier:  # with them `bench run --resume` there knows what is left to do
                FolderStore(records).put(run)
        store = self._store.name if self._remote else ""
        request = launch_request(self._sweep, state.cell, launch, series, store, self._environ, records)
        return CellRunner(state, request, launch, series, earlier, self._shared)

    def _watch(self, threads: Sequence[threading.Thread], bounds: Budget, lines: Lines) -> None:
        began = counted = time.monotonic()
        told: set[str] = set()
        while any(thread.is_alive() for thread in threads) and self._signals < 2:
            now = time.monotonic()
            if self._remote and now - counted > _COUNT_S:
                counted = now
                self._count()
            for state in bounds.uncounted(self.cells):
                if state.cell.name not in told:
                    told.add(state.cell.name)
                    lines.say(f"{state.cell.name}: no price is known, so max_cost does not count it")
            because = self.stop.because or bounds.reached(self.cells, timedelta(seconds=now - began))
            if because and not self._stopping:
                lines.say(f"{because.value}: giving all machines back")
                self._stop(because)
            lines.show(self.cells)
            time.sleep(min(_LOOK_S, self._shared.poll))
        lines.show(self.cells)

    def _count(self) -> None:
        try:
            self._shared.tally.refresh()
        except BenchError:  # away for a moment; in the end it is asked again, by each cell
            return
        for state in self.cells:
            if state.stage is not Stage.QUEUED:
                series, _ = self._series[state.cell]
                state.runs = max(state.runs, len(ended(self._sweep, self._shared.tally.runs(series))))

    def _stop(self, because: StopReason) -> None:
        """Break off the launches in flight; all other cells hear it where they wait."""
        self._stopping = True
        self.stop.ask(because)
        for life in self._lives:
            threading.Thread(target=life.cancel_launch, daemon=True).start()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the sweep."""

        def heard(number: int, frame: FrameType | None) -> None:
            self._signals += 1
            self.stop.ask(StopReason.SIGNAL)

        old = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


def is_folder(store: Store) -> bool:
    """Whether machines cannot write to the store themselves."""
    return isinstance(store, FolderStore)
