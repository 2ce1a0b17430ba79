"""Runs a sweep: one thread per cell, while the main thread watches the budget, the clock and Ctrl-C."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import FrameType

from bench.errors import BenchError
from bench.measure.recording import handled_by
from bench.record.documents import new_id, utc_now
from bench.store import FolderStore, Store
from bench.sweep.orchestration.cell_machine import SweepContext
from bench.sweep.orchestration.cell_runner import CellRunner
from bench.sweep.orchestration.launch import RunIndex, finished_runs, launch_request, series_by_cell
from bench.sweep.orchestration.leases import EarlierLeases
from bench.sweep.orchestration.limited import Limited, Patience
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.state import Budget, CellState, Stage, StopReason, StopSignal
from bench.sweep.provisioning import (
    ClusterStatus,
    LaunchRequest,
    Provisioner,
    is_foreign,
    refuse_foreign,
    store_of,
    sweep_labels,
    sweep_of,
)
from bench.sweep.spec import Sweep

_WATCH_S = 0.5


def is_folder(store: Store) -> bool:
    """Whether the store is a folder, to which machines cannot write themselves: their records are collected."""
    return isinstance(store, FolderStore)


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
    """A sweep over `store`, on machines that `provisioner` rents and those still standing from earlier calls."""

    def __init__(self, sweep: Sweep, provisioner: Provisioner, store: Store, patience: Patience | None = None) -> None:
        self._sweep, self._provisioner = sweep, provisioner
        patience, stop = patience or Patience(), StopSignal()
        self._folder = Path()
        limited = Limited(provisioner, stop, patience.limits)
        self._context = SweepContext(sweep, limited, store, RunIndex(store), stop, patience, self._request)
        self._states: Sequence[CellState] = ()  # before the launch
        self._runners: dict[str, CellRunner] = {}  # by cell
        self._standing: dict[str, ClusterStatus] = {}  # by cluster
        self._strays: list[str] = []  # clusters of the sweep without a cell
        self.earlier = EarlierLeases(sweep.name, store)
        self._signals = 0
        self._lost = threading.Event()
        self._began = utc_now()
        self._deadline: datetime | None = None

    @property
    def cells(self) -> list[CellState]:
        """Every cell in its current state, in the order of the file."""
        return [
            self._runners[state.cell.name].state if state.cell.name in self._runners else state
            for state in self._states
        ]

    def load_state(self) -> Sequence[CellState]:
        """Every cell according to the store: a cell with enough runs is skipped. Raises StoreError."""
        store, index = self._context.store, self._context.index
        store.check_writable()
        index.refresh()
        self.earlier.read()
        planned = self._sweep.runs * len(self._sweep.names)
        states = []
        for cell, series in series_by_cell(self._sweep.cells(), store).items():
            runs = len(finished_runs(self._sweep, cell, index.runs(series)))
            stage = Stage.SKIPPED if runs == planned else Stage.QUEUED
            states.append(CellState(cell, planned, runs, series, stage=stage))
        self._states = states
        return self.cells

    def check(self) -> None:
        """Raise BenchError if nothing can be rented, or a standing machine belongs to another store or sweep.

        Machines still standing from an earlier call are remembered, and leases whose machines are gone are closed.
        """
        self._provisioner.check()
        clusters = {machine.cluster: machine for machine in self._context.provisioner.clusters()}
        self._standing = {
            state.cell.cluster: clusters[state.cell.cluster] for state in self._states if state.cell.cluster in clusters
        }
        for machine in self._standing.values():
            other = store_of(machine.instance)
            if other not in (None, self._context.store.locator):
                raise BenchError(
                    f"{machine.cluster} stands, and its records go to {other}: call the sweep with that store, or end "
                    f"it with bench down {machine.cluster}"
                )
            refuse_foreign(machine.cluster, machine.instance, self._labels)
            self._context.index.reach_back(machine.launched)
        self._strays = [
            machine.cluster
            for machine in clusters.values()
            if sweep_of(machine.instance) == self._sweep.name
            and machine.cluster not in self._standing
            and not is_foreign(machine.instance, self._labels)
        ]
        self.earlier.close_vanished(clusters, self._context.provisioner, self._context.index)

    def run(self, budget: Budget, lines: Lines, lost: threading.Event | None = None) -> SweepResult:
        """Run every cell that is queued or standing, and return when every machine is given back.

        A second signal returns at once, as does `lost`: then another call runs the sweep. Machines that are not given
        back by then are named. Raises StoreError before anything is rented if the machines could not write.
        """
        self._lost = lost or self._lost
        budget = replace(budget, spent=self.earlier.dollars)
        # The wall clock: a monotonic one may stand still while a laptop sleeps, and machines do not.
        self._began = min([utc_now(), *(machine.launched for machine in self._standing.values())])
        self._deadline = self._began + budget.duration if budget.duration else None
        with tempfile.TemporaryDirectory(prefix="bench-sweep-") as folder:
            self._folder = Path(folder)
            self._make_runners()
            threads = self._threads()
            with self._signals_handled(), lines:
                for line in self.earlier.notes(budget):
                    lines.say(line)
                for cluster in self._strays:
                    lines.say(f"{cluster} stands, and is no cell of this file any more: bench down {cluster}")
                if reason := budget.exceeded((), timedelta(0)):
                    self._context.stop.set(reason)
                for thread in threads:
                    thread.start()
                try:
                    self._watch(threads, budget, lines)
                except BaseException:
                    self._context.stop.set(StopReason.DEFECT)
                    for thread in threads:
                        thread.join()
                    raise
            return self.result()

    def result(self) -> SweepResult:
        """How the sweep ended; the machine of a cell that has not ended is `left`."""
        cells = [
            cell if cell.stage.over or cell.left else replace(cell, left=f"bench down {cell.cell.cluster}")
            for cell in self.cells
        ]
        return SweepResult(cells, self._context.stop.reason)

    def _make_runners(self) -> None:
        """Make a runner for each cell that is queued, or whose machine stands."""
        for state in self._states:
            standing = self._standing.get(state.cell.cluster)
            if state.stage is Stage.QUEUED or standing:
                lease_id = new_id()
                queued = replace(state, stage=Stage.QUEUED, lease_id=lease_id, series=state.series or lease_id)
                self._runners[state.cell.name] = CellRunner(queued, self._context, standing)

    def _threads(self) -> list[threading.Thread]:
        """A thread for each cell that may run concurrently; at least one per standing machine, which costs money."""
        runners = sorted(self._runners.values(), key=lambda runner: runner.state.cell.cluster not in self._standing)
        queue = deque(runners)

        def work() -> None:
            with suppress(IndexError):
                while True:
                    queue.popleft().run()

        at_once = max(self._sweep.parallel or len(queue), len(self._standing))
        # Daemons: after a second signal nothing waits for them.
        return [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(queue)))]

    @cached_property
    def _labels(self) -> dict[str, str]:
        """The labels of the sweep's machines, by which another call recognises them."""
        store = self._context.store
        return sweep_labels(
            self._sweep.name, store.locator, store.identity() if isinstance(store, FolderStore) else None
        )

    def _request(self, state: CellState) -> LaunchRequest:
        """The launch request for a cell, with its earlier runs, so that `bench run --resume` knows what is missing."""
        collects = is_folder(self._context.store)
        there = self._context.index.runs(state.series)
        earlier = there if collects else []
        records = self._folder / state.lease_id if earlier else None
        for run in earlier:
            FolderStore(self._folder / state.lease_id).put(run)
        store = "" if collects else self._context.store.name
        made = {seed for _, seed in finished_runs(self._sweep, state.cell, there)} if self._sweep.task else set()
        return launch_request(self._sweep, state, store, self._labels, records, self._deadline, made)

    def _watch(self, threads: Sequence[threading.Thread], budget: Budget, lines: Lines) -> None:
        unpriced: set[str] = set()
        stopping = False
        while any(thread.is_alive() for thread in threads) and self._signals < 2 and not self._lost.is_set():
            cells = self.cells
            for cell in budget.uncounted(cells):
                if cell.cell.name not in unpriced:
                    unpriced.add(cell.cell.name)
                    lines.say(f"{cell.cell.name}: no known price, so it does not count against max_cost")
            reason = self._context.stop.reason or budget.exceeded(cells, utc_now() - self._began)
            if reason and not stopping:
                stopping = True
                lines.say(f"{reason.value}: giving all machines back")
                self._context.stop.set(reason)
            lines.show(cells)
            time.sleep(min(_WATCH_S, self._context.patience.poll))
        lines.show(self.cells)

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP stop the sweep."""

        def handle(number: int, frame: FrameType | None) -> None:
            self._signals += 1
            self._context.stop.set(StopReason.SIGNAL)

        with handled_by(handle):
            yield
