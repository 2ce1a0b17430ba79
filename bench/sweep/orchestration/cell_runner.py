"""The life of one cell: its machine is rented, prepared, measured on, and given back whatever happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from bench.errors import BenchError
from bench.record.documents import CloseReason, Run, utc_now
from bench.store import Store
from bench.sweep.orchestration.launch import close_lease, machine_environment
from bench.sweep.orchestration.records import SWEEP_TAG, RunIndex, collect, ended, sweep_tag
from bench.sweep.orchestration.state import CellState, Stage, StopSignal, SweepStopped
from bench.sweep.provisioning.failure import NOT_PROVISIONED, Outcome, of_error, of_job, short_words
from bench.sweep.provisioning.provisioner import Instance, Job, LaunchRequest, Provisioner
from bench.sweep.spec import Sweep

_KEY = re.compile(r"v1/runs/\d{4}/\d\d/\d\d/[0-9a-f-]{36}\.json")
_PATIENCE = 5  # questions about a job that may fail in a row
_TRIES = 3


@dataclass(frozen=True)
class SweepContext:
    """What the cells of a running sweep share. `stays`: records stay on the machines, and are collected into `store`.

    `poll` is how many seconds pass between two questions about a job.
    """

    sweep: Sweep
    provisioner: Provisioner
    store: Store
    stays: bool
    tally: RunIndex
    stop: StopSignal
    poll: float = 5.0


class CellRunner:
    """One cell. `earlier` are the runs that its series had before."""

    def __init__(
        self,
        state: CellState,
        request: LaunchRequest,
        launch: str,
        series: str,
        earlier: Iterable[Run],
        shared: SweepContext,
    ) -> None:
        self.state, self._order, self._launch, self._series = state, request, launch, series
        self._shared = shared
        self._earlier = {run.id for run in earlier}
        self._printed: set[str] = set()
        self._known = state.runs
        self._since = utc_now()

    def run(self) -> None:
        """From the launch to the end of the machine. Raises nothing: the state says how it went."""
        state = self.state
        job: Job | None = None
        log: list[str] = []
        self._since = utc_now()
        try:
            state.enter(Stage.PROVISIONING)
            self._shared.stop.wait(0)
            job, log = self._work()
        except SweepStopped:
            pass
        except Exception as error:  # SkyPilot and its clouds raise what they like; here it ends one cell only
            if self._shared.stop.because is None:
                state.outcome = of_error(error)
        finally:
            preparing = state.stage is Stage.SETUP
            safe = self._bring_home(job)
            made = self._made()
            if job is not None:
                state.outcome = of_job(job, log, made, spot=self._order.spot, preparing=preparing)
            if safe:
                self._give_back(job)
            self._settle()
            state.enter(self._end(job))

    def cancel_launch(self) -> None:
        """Break off the launch, from another thread: everywhere else the cell hears itself that the sweep stops."""
        if self.state.stage in (Stage.QUEUED, Stage.PROVISIONING):
            with suppress(Exception):  # the cell tries it too, and says why it fails
                self._shared.provisioner.cancel_launch(self._order.cluster)

    def _work(self) -> tuple[Job, list[str]]:
        """Rent, prepare and measure: how the last job ended, and what it printed."""
        provisioner, cluster = self._shared.provisioner, self._order.cluster
        machine = provisioner.launch(self._order)
        self.state.had(machine)
        if machine.setup is not None:
            self.state.enter(Stage.SETUP)
            ended = self._wait(machine.setup)
            if ended is not Job.DONE:
                return ended, self._log(machine.setup)
        uptime = provisioner.uptime(cluster, self._since)
        job = provisioner.run(self._order, machine, machine_environment(machine, uptime.started if uptime else None))
        self.state.enter(Stage.RUNNING)
        return self._wait(job, self._count), self._log(job)

    def _wait(self, job: int, seen: Callable[[int], None] | None = None) -> Job:
        """Ask until the job is over, and tell `seen` while it runs. Raises what asking raises time and again."""
        failures = 0
        while True:
            self._shared.stop.wait(self._shared.poll)
            try:
                now = self._shared.provisioner.job(self._order.cluster, job)
                if seen and now is Job.RUNNING:
                    seen(job)
                failures = 0
            except Exception:  # a server that is busy, a network that is away for a moment
                failures += 1
                if failures == _PATIENCE:
                    raise
                continue
            if now.over:
                return now

    def _count(self, job: int) -> None:
        """Count the records that `bench run` has printed; where they go to a store, it is the store that counts."""
        if self._shared.stays:
            self._printed.update(key for line in self._log(job) for key in _KEY.findall(line))
            self.state.runs = self._known + len(self._printed)

    def _log(self, job: int) -> list[str]:
        try:
            return list(self._shared.provisioner.log(self._order.cluster, job))
        except Exception:  # for words about a failure: without them it is one all the same
            return []

    def _bring_home(self, job: Job | None) -> bool:
        """Collect what would go with the machine. False where it could not be, and there is something to lose."""
        state, provisioner, cluster = self.state, self._shared.provisioner, self._order.cluster
        if state.there is None or job is Job.GONE:
            return True
        try:
            if job is None:
                provisioner.cancel(cluster)
        except Exception as error:
            state.notes.append(f"its jobs could not be ended: {short_words(error)}")
        if not self._shared.stays or state.stage is not Stage.RUNNING:
            return True
        state.enter(Stage.COLLECTING)
        trouble = _tried(self._collect, self._shared.poll)
        if trouble is None:
            return True
        state.notes.append(f"its records could not be brought home: {short_words(trouble)}")
        if not self._printed:
            return True
        state.left = f"bench collect {cluster} && bench down {cluster}"
        return False

    def _collect(self) -> None:
        cluster, store = self._order.cluster, self._shared.store
        done = collect(self._shared.provisioner.records(cluster), cluster, store)
        self.state.notes += [str(error) for error in done.errors]

    def _made(self) -> list[Run]:
        """The runs that were made on this machine; with those before them they are counted for the last time."""
        try:
            self._shared.tally.refresh()
        except BenchError as error:
            self.state.notes.append(str(error))
        runs = self._shared.tally.runs(self._series)
        self.state.runs = len(ended(self._shared.sweep, runs))
        return [run for run in runs if run.id not in self._earlier]

    def _give_back(self, job: Job | None) -> None:
        """End the machine, and name it where that fails."""
        cluster, provisioner = self._order.cluster, self._shared.provisioner
        self.state.enter(Stage.TEARDOWN)

        def end() -> None:
            if self.state.machine is None:
                provisioner.cancel_launch(cluster)
            provisioner.down(cluster)

        if trouble := _tried(end, self._shared.poll):
            self.state.left = f"sky down {cluster}"
            self.state.notes.append(f"it could not be given back: {short_words(trouble)}")

    def _settle(self) -> None:
        """Close the lease, if there was a machine to pay for."""
        state, outcome = self.state, self.state.outcome
        if state.left or (state.machine is None and outcome and outcome.why in NOT_PROVISIONED):
            return
        try:
            if uptime := self._shared.provisioner.uptime(self._order.cluster, self._since):
                unknown = Instance((state.cell.cloud or "unknown").partition("/")[0], spot=state.cell.spot)
                close_lease(
                    self._launch,
                    {SWEEP_TAG: sweep_tag(state.cell)},
                    state.machine or unknown,
                    state.there,
                    uptime,
                    self._reason(outcome),
                    self._shared.store,
                )
        except Exception as error:  # the machine is gone, and the record can still be made by hand
            state.notes.append(f"lease {self._launch} is not closed ({short_words(error)}); see `bench lease close`")

    def _reason(self, outcome: Outcome | None) -> CloseReason:
        if outcome is None:
            return "interrupted" if self._shared.stop.because else "finished"
        return "preempted" if outcome.why == "PREEMPTED" else "failed"

    def _end(self, job: Job | None) -> Stage:
        if self.state.outcome:
            return Stage.FAILED
        return Stage.STOPPED if job is None else Stage.DONE


def _tried(action: Callable[[], None], pause: float) -> Exception | None:
    """Why `action` failed each time of a few; None where it did not."""
    for attempt in range(1, _TRIES + 1):
        try:
            action()
        except Exception as error:  # SkyPilot and its clouds raise what they like
            if attempt == _TRIES:
                return error
            time.sleep(pause * attempt)
        else:
            return None
    raise AssertionError("the last try returns")
