"""One cell from its launch to its end: the runs on its machine, and their records on the way into the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from bench.errors import BenchError, StoreError
from bench.record.documents import new_id, utc_now
from bench.store import Collector, DamagedLine, RawRecord, Spool, Store, parse, read_log_text
from bench.sweep.orchestration.cell_machine import CellMachine
from bench.sweep.orchestration.launch import finished_runs, machine_environment
from bench.sweep.orchestration.limited import Limited
from bench.sweep.orchestration.state import Stage, SweepStopped
from bench.sweep.provisioning import (
    OWN_CLUSTERS,
    ClusterStatus,
    Failure,
    Instance,
    Job,
    error_line,
    failure_of_error,
    failure_of_job,
    machine_end,
)
from bench.text import plural

_KEY = re.compile(r"v1/runs/\d{4}/\d\d/\d\d/[0-9a-f-]{36}\.json")

Records = Iterable[RawRecord | DamagedLine]
T = TypeVar("T")
_RELAUNCHED = ("PREEMPTED", "LOST")
_RECORDS_S = 60.0  # for which a machine's folder is tried again


class RecordFetcher:
    """Puts the records of a machine into `store`. What the store still refuses at the end waits in this host's spool.

    `printed` are the keys of runs named in the log, `spooled` those that wait, `notes` what the user should know.
    """

    def __init__(self, cluster: str, provisioner: Limited, store: Store) -> None:
        self.printed: set[str] = set()
        self.spooled: set[str] = set()
        self.notes: list[str] = []
        self.log_was_read = False
        self._cluster, self._provisioner, self._store = cluster, provisioner, store
        self._collector = Collector(store)
        self._refused: dict[str, RawRecord] = {}
        self._store_away = False

    @property
    def missing(self) -> set[str]:
        """The runs named in the log that are neither in the store nor in the spool."""
        return self.printed - self._collector.taken - self.spooled

    def follow(self, lines: Sequence[str]) -> None:
        """Store the records in the last lines of a running job."""
        self.log_was_read = True
        self.printed.update(key for line in lines for key in _KEY.findall(line))
        self._put(read_log_text(f"{line}\n" for line in lines), self._log)

    def fetch_log(self) -> None:
        """Store the records that all jobs have printed."""
        try:
            records = self._provisioner.printed(self._cluster)
        except Exception as error:  # SkyPilot and its clouds may raise anything
            self.notes.append(f"its log could not be read to the end: {error_line(error)}")
            return
        self.log_was_read = True
        self._put(records, self._log)

    def fetch_folder(self, retry: Callable[[Callable[[], Sequence[RawRecord]]], Sequence[RawRecord]]) -> bool:
        """Store the records in the machine's folder and spool. Returns whether they could be read."""
        try:
            records = retry(lambda: self._provisioner.records(self._cluster))
        except Exception as error:
            self.notes.append(f"its records could not be collected: {error_line(error)}")
            return False
        self._put(records, f"{self._cluster}:bench-results")
        return True

    def finish(self) -> None:
        """Keep in the spool what the store did not accept, and note what was damaged or in conflict."""
        for key, record in self._refused.items():
            try:
                Spool(self._store.locator).add(parse(record.raw, key, f"{self._cluster}: {key}"))
                self.spooled.add(key)
            except (OSError, BenchError) as error:
                self.notes.append(f"{key} is in no store: {error}")
        if self.spooled:
            kept = plural(len(self.spooled), "record")
            self.notes.append(f"{kept} wait in the spool of this host for {self._store.name}: bench store drain")
        elif not self._store_away:
            self.notes += map(str, self._collector.result().errors)

    @property
    def _log(self) -> str:
        return f"the log of {self._cluster}"

    def _put(self, records: Records, source: str) -> None:
        """An unreachable store stops nothing: what it refuses is offered again, and spooled at the end."""
        records = list(records)
        keys = {record.key: record for record in records if isinstance(record, RawRecord)}
        try:
            self._collector.add(records, source)
        except StoreError as error:
            self._store_away = True
            self._refused |= {key: record for key, record in keys.items() if key not in self._collector.taken}
            self.notes = [*dict.fromkeys([*self.notes, str(error)])]
        else:
            self._store_away = False
            self._refused = {key: record for key, record in self._refused.items() if key not in keys}


class CellRunner(CellMachine):
    """One cell, run in a thread of its own."""

    def _begin(self, standing: ClusterStatus | None = None) -> None:
        super()._begin(standing)
        self._ids_before = {run.id for run in self._context.index.runs(self.state.series)}
        self._fetcher = RecordFetcher(self._cluster, self._provisioner, self._context.store)

    def run(self) -> None:
        """Run from the launch to the end of the last machine. Raises nothing: the outcome is in `state`."""
        self._ids_before_call = self._ids_before
        self._run_once()
        while self._relaunches():
            self._update(
                stage=Stage.QUEUED,
                lease_id=new_id(),
                attempt=self.state.attempt + 1,
                spent=self.state.counted(),
                unpriced=self.state.dollars() is None,
                started=None,
                stopped=None,
                instance=None,
                failure=None,
            )
            try:
                self._request = self._context.request(self.state)
            except BenchError as error:
                self._update(failure=failure_of_error(error))
                self._enter(Stage.FAILED)
                return
            self._begin()
            self._run_once()

    def _relaunches(self) -> bool:
        """Whether another machine replaces one that was preempted."""
        state = self.state
        return (
            state.failure is not None
            and state.failure.reason in _RELAUNCHED
            and (state.cell.spot or _on_own_cluster(state.instance))
            and not state.left
            and state.runs < state.planned
            and state.attempt < self._context.sweep.attempts
            and self._context.stop.reason is None
        )

    def _run_once(self) -> None:
        if self._context.stop.reason is not None and self._standing is None:
            self._enter(Stage.STOPPED)
            return
        job: Job | None = None
        # What was raised is the cell's failure by then, and ends this cell only.
        with suppress(Exception), self.provisioned() as instance:
            log: list[str] = []
            try:
                job, log = self._measure(instance)
            finally:
                self._bring_home(job)
            self._update(failure=self._failure(job, log))
        self._enter(Stage.FAILED if self.state.failure else Stage.STOPPED if job is None else Stage.DONE)

    def _failure(self, job: Job, log: list[str]) -> Failure | None:
        """The failure of the finished job, if it failed."""
        made = [run for run in self._context.index.runs(self.state.series) if run.id not in self._ids_before_call]
        runs = [run for run in made if run.id not in self._ids_before]
        self._end = machine_end(job, runs, self._last_sign, self.state.instance, self._provisioner.taken_back)
        self._note(*self._end.notes)
        complete, in_setup = self.state.runs == self.state.planned, self.state.stage is Stage.SETUP
        taken = self._end.taken_back
        failure = failure_of_job(job, log, made, taken_back=taken, complete=complete, in_setup=in_setup)
        if failure is None and job is Job.DONE and not complete and not self._fetcher.spooled:
            failure = Failure("ERROR", f"its job ended well with {self.state.runs} of {self.state.planned} runs")
        return failure

    def _measure(self, instance: Instance) -> tuple[Job, list[str]]:
        """Prepare the machine, and run the recipes on it. Returns how the last job ended, and what it printed."""
        setup, job = instance.setup, None
        if self._standing is not None:
            setup, job = self._patiently(lambda: self._provisioner.standing_jobs(self._cluster))
        if setup is not None and job is None:
            self._enter(Stage.SETUP)
            ended = self._wait(setup)
            if ended is not Job.DONE:
                return ended, self._log(setup)
        if job is None:
            uptime = self._patiently(lambda: self._provisioner.uptime(self._cluster, self._began))
            if uptime and self._request.program:
                self._open_lease(uptime.started)
            environment = machine_environment(instance, self._given_price, uptime.started if uptime else None)
            self._may_have_records = True
            job = self._provisioner.run(self._request, instance, environment)
        self._enter(Stage.RUNNING)
        return self._wait(job, self._follow), self._log(job)

    def _wait(self, job: int, while_running: Callable[[int], None] | None = None) -> Job:
        """Ask until the job is over. Raises what a question raises once the patience is exhausted."""

        def ask() -> Job:
            state = self._provisioner.job(self._cluster, job)
            if state is not Job.GONE:
                self._last_sign = utc_now()
            if while_running and state is Job.RUNNING:
                while_running(job)
            return state

        while True:
            self._context.stop.wait(self._context.patience.poll)
            state = self._patiently(ask)
            if state.over:
                return state

    def _patiently(self, question: Callable[[], T]) -> T:
        return self._context.patience.retry(question, self._context.patience.server, self._context.stop.wait)

    def _follow(self, job: int) -> None:
        """Store the records that the job has printed, at once: a machine that vanishes costs only the run in flight."""
        self._fetcher.follow(self._log(job))
        with suppress(BenchError):  # briefly unreachable: it is asked again, at the latest at the end
            self._count_recorded(self._context.patience.poll)

    def _count_recorded(self, max_age: float = 0.0) -> None:
        """Count the runs in the store, and those named in the log that are still to come."""
        index = self._context.index
        index.refresh(max_age)
        recorded = finished_runs(self._context.sweep, self.state.cell, index.runs(self.state.series))
        waiting = [key for key in self._fetcher.missing if not index.knows(key)]
        self._update(runs=min(len(recorded) + len(waiting), self.state.planned))

    def _log(self, job: int) -> list[str]:
        try:
            return list(self._provisioner.log(self._cluster, job))
        except SweepStopped:
            raise
        except Exception:  # it only describes a failure, which it is without a description as well
            return []

    def _bring_home(self, job: Job | None) -> None:
        """Collect what would be lost with the machine, and count it. `left` is set if that fails with a loss."""
        if job is None:
            try:
                self._provisioner.cancel(self._cluster)
            except Exception as error:
                self._note(f"its jobs could not be cancelled: {error_line(error)}")
        if self._may_have_records and job is not Job.GONE:
            self._collect()
        self._fetcher.finish()
        self._note(*self._fetcher.notes)
        try:
            self._count_recorded()
        except BenchError as error:
            self._note(str(error))

    def _collect(self) -> None:
        """Store the records in the log of the machine's jobs and in its folders. `left` is set if that fails."""
        self._fetcher.fetch_log()
        self._enter(Stage.COLLECTING)
        patience, stop = self._context.patience, self._context.stop
        came = self._fetcher.fetch_folder(
            lambda read: read() if stop.at else patience.retry(read, min(patience.server, _RECORDS_S))
        )
        index = self._context.index
        with suppress(BenchError):
            index.refresh()
        lost = any(not index.knows(key) for key in self._fetcher.missing)
        if not came and (lost or not self._fetcher.log_was_read):
            self._update(left=f"bench collect {self._cluster} && bench down {self._cluster}")


def _on_own_cluster(instance: Instance | None) -> bool:
    """Whether its machine belongs to the user's own cluster, where a job of higher priority may take it, at no cost."""
    return instance is not None and instance.provider in OWN_CLUSTERS
