"""Runs a sweep: every cell in a thread of its own, and one eye on the money, the clock and Ctrl-C."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import FrameType

from bench.errors import BenchError
from bench.measure.signals import handled_by
from bench.record.documents import new_id
from bench.store import FolderStore, Store
from bench.sweep.orchestration.cell_runner import CellRunner, SweepContext
from bench.sweep.orchestration.launch import launch_request
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.records import RunIndex, finished_runs, series_by_cell
from bench.sweep.orchestration.state import Budget, CellState, Stage, StopReason, StopSignal
from bench.sweep.provisioning.provisioner import Provisioner
from bench.sweep.spec import Sweep

_WATCH_S = 0.5


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended."""

    cells: Sequence[CellState]
    reason: StopReason | None

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 a machine is left; 6 a cell failed or a bound was reached; 0."""
        if self.reason is StopReason.SIGNAL:
            return 130
        if any(cell.left for cell in self.cells):
            return 1
        return 6 if self.reason or any(cell.failure for cell in self.cells) else 0


class SweepRunner:
    """A sweep over `store`, on machines that `provisioner` rents."""

    def __init__(
        self, sweep: Sweep, provisioner: Provisioner, store: Store, environ: Mapping[str, str], poll: float = 5.0
    ) -> None:
        self._sweep, self._environ = sweep, environ
        self._context = SweepContext(sweep, provisioner, store, RunIndex(store), StopSignal(), poll)
        self._states: Sequence[CellState] = ()  # before the launch
        self._runners: dict[str, CellRunner] = {}  # by cell
        self._signals = 0

    @property
    def cells(self) -> list[CellState]:
        """Every cell as it is now, in the order of the file."""
        return [
            self._runners[state.cell.name].state if state.cell.name in self._runners else state
            for state in self._states
        ]

    def load_state(self) -> Sequence[CellState]:
        """Every cell, as the store has it: a cell with enough runs is skipped. Raises StoreError."""
        store, index = self._context.store, self._context.index
        store.check_writable()
        index.refresh()
        planned = self._sweep.runs * len(self._sweep.recipes)
        states = []
        for cell, series in series_by_cell(self._sweep.cells(), store).items():
            runs = len(finished_runs(self._sweep, index.runs(series)))
            stage = Stage.SKIPPED if runs == planned else Stage.QUEUED
            states.append(CellState(cell, planned, runs, series, stage=stage))
        self._states = states
        return self.cells

    def check(self) -> None:
        """Raise BenchError where nothing can be rented, or a machine of an earlier call still is."""
        self._context.provisioner.check()
        queued = {state.cell.cluster for state in self._states if state.stage is Stage.QUEUED}
        if rented := sorted({machine.cluster for machine in self._context.provisioner.clusters()} & queued):
            raise BenchError(
                f"{', '.join(rented)}: still there from an earlier call; `bench down {self._sweep.name}` brings its "
                "records home and gives it back"
            )

    def run(self, budget: Budget, lines: Lines) -> SweepResult:
        """Run every cell that is queued, at once, and return when every machine is given back.

        A second signal returns at once; machines that are not given back by then are named. Raises StoreError before
        anything is rented where the machines could not write.
        """
        with tempfile.TemporaryDirectory(prefix="bench-sweep-") as folder:
            queued = [state for state in self._states if state.stage is Stage.QUEUED]
            self._runners = {state.cell.name: self._runner(state, Path(folder)) for state in queued}
            # Daemons: after a second signal nothing waits for them.
            threads = [
                threading.Thread(target=runner.run, name=name, daemon=True) for name, runner in self._runners.items()
            ]
            with self._signals_handled(), lines:
                for thread in threads:
                    thread.start()
                try:
                    self._watch(threads, budget, lines)
                except BaseException:
                    self._stop(StopReason.DEFECT)
                    for thread in threads:
                        thread.join()
                    raise
            return self.result()

    def result(self) -> SweepResult:
        """How the sweep ended; what a cell that has not ended may have rented is `left`."""
        cells = [
            cell if cell.stage.over or cell.left else replace(cell, left=f"bench down {cell.cell.cluster}")
            for cell in self.cells
        ]
        return SweepResult(cells, self._context.stop.reason)

    def _runner(self, state: CellState, folder: Path) -> CellRunner:
        """What runs a cell. Its earlier runs go to the machine: with them `bench run --resume` knows what is left."""
        lease_id = new_id()
        state = replace(state, lease_id=lease_id, series=state.series or lease_id)
        earlier = self._context.index.runs(state.series) if self._context.collects else []
        records = folder / state.cell.name if earlier else None
        for run in earlier:
            FolderStore(folder / state.cell.name).put(run)
        store = "" if self._context.collects else self._context.store.name
        return CellRunner(state, launch_request(self._sweep, state, store, self._environ, records), self._context)

    def _watch(self, threads: Sequence[threading.Thread], budget: Budget, lines: Lines) -> None:
        began = time.monotonic()
        unpriced: set[str] = set()
        stopping = False
        while any(thread.is_alive() for thread in threads) and self._signals < 2:
            cells = self.cells
            for cell in budget.uncounted(cells):
                if cell.cell.name not in unpriced:
                    unpriced.add(cell.cell.name)
                    lines.say(f"{cell.cell.name}: no price is known, so max_cost does not count it")
            elapsed = timedelta(seconds=time.monotonic() - began)
            reason = self._context.stop.reason or budget.exceeded(cells, elapsed)
            if reason and not stopping:
                stopping = True
                lines.say(f"{reason.value}: giving all machines back")
                self._stop(reason)
            lines.show(cells)
            time.sleep(min(_WATCH_S, self._context.poll))
        lines.show(self.cells)

    def _stop(self, reason: StopReason) -> None:
        """Cancel the launches in flight; all other cells hear it where they wait."""
        self._context.stop.set(reason)
        for runner in self._runners.values():
            threading.Thread(target=runner.cancel_launch, daemon=True).start()

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the sweep."""

        def handle(number: int, frame: FrameType | None) -> None:
            self._signals += 1
            self._context.stop.set(StopReason.SIGNAL)

        with handled_by(handle):
            yield
