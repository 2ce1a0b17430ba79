"""Runs one cell: its machine is rented, prepared, measured on, and given back whatever happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from bench.errors import BenchError, StoreError
from bench.record.documents import CloseReason, utc_now
from bench.store import Collector, FolderStore, Store, read_log
from bench.sweep.orchestration.launch import machine_environment
from bench.sweep.orchestration.records import RunIndex, close_lease, finished_runs
from bench.sweep.orchestration.state import CellState, Stage, StopSignal, SweepStopped
from bench.sweep.provisioning.failure import error_line, failure_of_error, failure_of_job
from bench.sweep.provisioning.provisioner import Instance, Job, LaunchRequest, Provisioner
from bench.sweep.spec import SWEEP_TAG, Sweep

_KEY = re.compile(r"v1/runs/\d{4}/\d\d/\d\d/[0-9a-f-]{36}\.json")
_COUNT_S = 10.0  # between two looks into the store
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True)
class SweepContext:
    """What the cells of a running sweep share. `poll` is how many seconds pass between two questions about a job."""

    sweep: Sweep
    provisioner: Provisioner
    store: Store
    index: RunIndex
    stop: StopSignal
    poll: float = 5.0

    @property
    def collects(self) -> bool:
        """Whether records stay on the machines, which cannot write to the store, until they are collected."""
        return is_folder(self.store)


def is_folder(store: Store) -> bool:
    """Whether machines cannot write to the store themselves."""
    return isinstance(store, FolderStore)


class CellRunner:
    """One cell, run in a thread of its own.

    `state` is immutable and only that thread replaces it: whoever reads it sees the cell as it was at one moment.
    """

    def __init__(self, state: CellState, request: LaunchRequest, context: SweepContext) -> None:
        self.state, self._request, self._context = state, request, context
        self._provisioner, self._cluster = context.provisioner, request.cluster
        self._began = utc_now()
        self._runs_before = state.runs
        self._ids_before = {run.id for run in context.index.runs(state.series)}
        self._printed: set[str] = set()
        self._collector = Collector(context.store)

    def run(self) -> None:
        """From the launch to the end of the machine. Raises nothing: `state` says how it went."""
        job: Job | None = None
        # What was raised is the cell's failure by then, and ends this cell only.
        with suppress(Exception), self._provisioned() as instance:
            log: list[str] = []
            try:
                job, log = self._measure(instance)
            finally:
                self._bring_home(job)
            runs = [run for run in self._context.index.runs(self.state.series) if run.id not in self._ids_before]
            in_setup = self.state.stage is Stage.SETUP
            self._update(failure=failure_of_job(job, log, runs, spot=self._request.spot, in_setup=in_setup))
        self._enter(Stage.FAILED if self.state.failure else Stage.STOPPED if job is None else Stage.DONE)

    def cancel_launch(self) -> None:
        """Cancel the launch, from another thread: everywhere else the cell hears itself that the sweep stops."""
        if self.state.stage in (Stage.QUEUED, Stage.PROVISIONING):
            with suppress(Exception):  # the cell tries it too, and says why it fails
                self._provisioner.cancel_launch(self._cluster)

    @contextmanager
    def _provisioned(self) -> Iterator[Instance]:
        """The cell's machine. Whatever happens inside, it is given back and its lease closed.

        It stays only where `left` says so, as records on it would go with it. What is raised is the failure, unless
        the sweep stops.
        """
        try:
            self._began = utc_now()
            self._enter(Stage.PROVISIONING)
            self._context.stop.wait(0)
            instance = self._provisioner.launch(self._request)
            self._update(instance=instance, provisioned_at=utc_now())
            yield instance
        except SweepStopped:
            raise
        except Exception as error:  # SkyPilot and its clouds raise what they like
            if self._context.stop.reason is None:
                self._update(failure=failure_of_error(error))
            raise
        finally:
            if not self.state.left:
                self._give_back()
            if not self.state.left and not self.state.never_provisioned:
                self._close_lease()

    def _measure(self, instance: Instance) -> tuple[Job, list[str]]:
        """Prepare the machine, and run the recipes on it: how the last job ended, and what it printed."""
        if instance.setup is not None:
            self._enter(Stage.SETUP)
            ended = self._wait(instance.setup)
            if ended is not Job.DONE:
                return ended, self._log(instance.setup)
        uptime = self._provisioner.uptime(self._cluster, self._began)
        environment = machine_environment(instance, uptime.started if uptime else None)
        job = self._provisioner.run(self._request, instance, environment)
        self._enter(Stage.RUNNING)
        return self._wait(job, self._follow), self._log(job)

    def _wait(self, job: int, while_running: Callable[[int], None] | None = None) -> Job:
        """Ask until the job is over. Raises what asking raises five times in a row: a server may be busy."""

        def ask() -> Job:
            state = self._provisioner.job(self._cluster, job)
            if while_running and state is Job.RUNNING:
                while_running(job)
            return state

        while True:
            self._context.stop.wait(self._context.poll)
            state = _retry(ask, 5, self._context.poll, self._context.stop.wait)
            if state.over:
                return state

    def _follow(self, job: int) -> None:
        """Store the records that the job has printed, at once: a machine that vanishes takes the run in flight only.

        Count them; where they go to a store by themselves, count those in the store.
        """
        log = self._log(job)
        with suppress(StoreError):  # away for a moment: they are in the log the next time too
            self._store_printed(f"{line}\n" for line in log)
        if self._context.collects:
            self._printed.update(key for line in log for key in _KEY.findall(line))
            self._update(runs=self._runs_before + len(self._printed))
        else:
            with suppress(BenchError):  # away for a moment: it is asked again, at the latest in the end
                self._count_recorded(_COUNT_S)

    def _count_recorded(self, max_age: float = 0.0) -> None:
        self._context.index.refresh(max_age)
        runs = self._context.index.runs(self.state.series)
        self._update(runs=len(finished_runs(self._context.sweep, runs)))

    def _log(self, job: int) -> list[str]:
        try:
            return list(self._provisioner.log(self._cluster, job))
        except Exception:  # for words about a failure: without them it is one all the same
            return []

    def _bring_home(self, job: Job | None) -> None:
        """Collect what would go with the machine, and count it. `left` is set where that failed and loses something."""
        if job is None:
            try:
                self._provisioner.cancel(self._cluster)
            except Exception as error:
                self._note(f"its jobs could not be cancelled: {error_line(error)}")
        if self.state.stage is Stage.RUNNING and job is not Job.GONE:
            self._collect()
        try:
            self._note(*map(str, self._collector.result().errors))
            self._count_recorded()
        except BenchError as error:
            self._note(str(error))

    def _collect(self) -> None:
        """Store what the machine's jobs have printed, and what lies in its folder. `left` is set where that fails."""
        at_stake = self._printed
        try:
            self._store_printed(self._provisioner.whole_log(self._cluster))
            at_stake = self._printed - self._collector.taken
        except Exception as error:
            self._note(f"its log could not be read to the end: {error_line(error)}")
        if not self._context.collects:
            return
        self._enter(Stage.COLLECTING)
        folder = f"{self._cluster}:bench-results"
        try:
            _retry(
                lambda: self._collector.add(self._provisioner.records(self._cluster), folder),
                _TRIES,
                self._context.poll,
            )
        except Exception as error:
            self._note(f"its records could not be collected: {error_line(error)}")
            if at_stake:
                self._update(left=f"bench collect {self._cluster} && bench down {self._cluster}")

    def _store_printed(self, log: Iterable[str]) -> None:
        self._collector.add(read_log(map(str.encode, log)), f"the log of {self._cluster}")

    def _give_back(self) -> None:
        """Terminate the machine; `left` is the command for it where that fails."""
        self._enter(Stage.TEARDOWN)
        try:
            _retry(self._terminate, _TRIES, self._context.poll)
        except Exception as error:
            self._update(left=f"sky down {self._cluster}")
            self._note(f"it could not be given back: {error_line(error)}")

    def _terminate(self) -> None:
        if self.state.instance is None:
            self._provisioner.cancel_launch(self._cluster)
        self._provisioner.down(self._cluster)

    def _close_lease(self) -> None:
        """Close the lease, if there was a machine to pay for."""
        state = self.state
        unknown = Instance((state.cell.cloud or "unknown").partition("/")[0], spot=state.cell.spot)
        try:
            if uptime := self._provisioner.uptime(self._cluster, self._began):
                close_lease(
                    self._context.store,
                    state.lease_id,
                    state.instance or unknown,
                    uptime,
                    self._close_reason(),
                    state.provisioned_at,
                    {SWEEP_TAG: state.cell.tag},
                )
        except Exception as error:  # the machine is gone, and the record can still be made by hand
            self._note(f"lease {state.lease_id} is not closed ({error_line(error)}); see `bench lease close`")

    def _close_reason(self) -> CloseReason:
        if self.state.failure is None:
            return "interrupted" if self._context.stop.reason else "finished"
        return "preempted" if self.state.failure.reason == "PREEMPTED" else "failed"

    def _enter(self, stage: Stage) -> None:
        self.state = self.state.enter(stage)

    def _note(self, *notes: str) -> None:
        self._update(notes=tuple(dict.fromkeys(self.state.notes + notes)))

    def _update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)


def _retry(action: Callable[[], T], attempts: int, pause: float, sleep: Callable[[float], None] = time.sleep) -> T:
    """What `action` returns. Raises what it raises in the last of `attempts`."""
    for attempt in range(1, attempts):
        try:
            return action()
        except Exception:  # SkyPilot and its clouds raise what they like
            sleep(pause * attempt)
    return action()
