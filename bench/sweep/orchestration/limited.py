"""A provisioner with time limits: each call runs in a thread, which is abandoned at its limit or if the sweep stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from bench.errors import BenchError
from bench.store import DamagedLine, RawRecord, read_log_text
from bench.sweep.orchestration.state import StopSignal, SweepStopped
from bench.sweep.provisioning import (
    ClusterStatus,
    Instance,
    Job,
    LaunchRequest,
    Provisioner,
    StandingJobs,
    Uptime,
)

_LOOK_S = 0.05
_LEAST_S = 1.0
_TRIES = 5

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Time limits of calls, in seconds.

    `launch` is long, since one may wait hours for a full Slurm; the sweep's own bounds end it earlier. Once the sweep
    stops, everything before a machine's tear-down shares `before_tear_down`.
    """

    launch: float = 24 * 3600
    start: float = 900
    question: float = 120
    records: float = 900
    down: float = 600
    before_tear_down: float = 45


@dataclass(frozen=True)
class Patience:
    """Seconds between two questions, and how long failures are retried.

    `server` is for failing questions, with growing pauses; `give_back` is for tear-down, None: as long as the process
    lives.
    """

    poll: float = 5.0
    server: float = 1800.0
    give_back: float | None = None
    limits: Limits = field(default_factory=Limits)

    def retry(
        self,
        action: Callable[[], T],
        seconds: float | None,
        sleep: Callable[[float], None] = time.sleep,
        failed: Callable[[Exception], None] | None = None,
    ) -> T:
        """What `action` returns. Raises what it raises after `seconds` of the wall clock and five tries.

        The wall clock includes the time a laptop sleeps. `failed` is called with every failure.
        """
        began = time.time()

        def over(tries: RetryCallState) -> bool:
            return seconds is not None and tries.attempt_number >= _TRIES and time.time() - began >= seconds

        def may_be_repeated(error: BaseException) -> bool:  # SkyPilot and its clouds may raise anything
            if not isinstance(error, Exception) or isinstance(error, SweepStopped):
                return False
            if failed:
                failed(error)
            return True

        return Retrying(
            stop=over,
            wait=wait_exponential(multiplier=self.poll, max=12 * self.poll),
            retry=retry_if_exception(may_be_repeated),
            sleep=sleep,
            reraise=True,
        )(action)


class Limited:
    """`provisioner` with time limits.

    A launch, a start and a question about a job raise SweepStopped as soon as the sweep stops: the request may hang,
    and the machine has to be given back all the same.
    """

    def __init__(self, provisioner: Provisioner, stop: StopSignal, limits: Limits) -> None:
        self._provisioner, self._stop, self._limits = provisioner, stop, limits

    def launch(self, request: LaunchRequest) -> Instance:
        """See `Provisioner`. A machine that arrives when nobody waits for it any more is given back."""
        left_behind = threading.Event()

        def launch() -> Instance:
            instance = self._provisioner.launch(request)
            if left_behind.is_set():
                self._provisioner.down(request.cluster)
            return instance

        try:
            return self._until_stop("launch", self._limits.launch, launch)
        except BaseException:
            left_behind.set()
            raise

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        """See `Provisioner`."""
        return self._until_stop(
            "start of the job", self._limits.start, lambda: self._provisioner.run(request, instance, envs)
        )

    def standing_jobs(self, cluster: str) -> StandingJobs:
        """See `Provisioner`."""
        return self._until_stop("list of jobs", self._limits.question, lambda: self._provisioner.standing_jobs(cluster))

    def job(self, cluster: str, job: int) -> Job:
        """See `Provisioner`."""
        return self._until_stop("state of the job", self._limits.question, lambda: self._provisioner.job(cluster, job))

    def taken_back(self, instance: Instance) -> str | None:
        """See `Provisioner`."""
        return self._within("word of the cloud", self._limits.question, lambda: self._provisioner.taken_back(instance))

    def log(self, cluster: str, job: int) -> Sequence[str]:
        """See `Provisioner`."""
        return self._until_stop("log", self._limits.question, lambda: list(self._provisioner.log(cluster, job)))

    def clusters(self) -> Sequence[ClusterStatus]:
        """See `Provisioner`."""
        return self._until_stop("list of machines", self._limits.question, self._provisioner.clusters)

    def cancel(self, cluster: str) -> None:
        """See `Provisioner`."""
        # A third of the remaining time: records matter more than ending a job whose machine ends anyway.
        self._before_tear_down("end of its jobs", self._limits.question, lambda: self._provisioner.cancel(cluster), 3)

    def printed(self, cluster: str) -> Sequence[RawRecord | DamagedLine]:
        """The records in the complete output of the jobs on the machine."""

        def read() -> list[RawRecord | DamagedLine]:
            return list(read_log_text(self._provisioner.whole_log(cluster)))

        return self._before_tear_down("whole log", self._limits.records, read, 2)

    def records(self, cluster: str) -> Sequence[RawRecord]:
        """See `Provisioner`."""
        return self._before_tear_down(
            "records in its folder", self._limits.records, lambda: list(self._provisioner.records(cluster)), 1
        )

    def cancel_launch(self, cluster: str) -> None:
        """See `Provisioner`."""
        self._before_tear_down(
            "end of the launch", self._limits.question, lambda: self._provisioner.cancel_launch(cluster), 2
        )

    def down(self, cluster: str) -> None:
        """See `Provisioner`."""
        self._within("tear-down", self._limits.down, lambda: self._provisioner.down(cluster))

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        """See `Provisioner`."""
        return self._within(
            "time that it was paid for", self._limits.question, lambda: self._provisioner.uptime(cluster, since)
        )

    def _until_stop(self, what: str, seconds: float, action: Callable[[], T]) -> T:
        return self._within(what, seconds, action, until_stop=True)

    def _before_tear_down(self, what: str, seconds: float, action: Callable[[], T], share: int) -> T:
        if self._stop.at is not None:
            left = self._limits.before_tear_down - (time.time() - self._stop.at)
            seconds = min(seconds, max(_LEAST_S, left / share))
        return self._within(what, seconds, action)

    def _within(self, what: str, seconds: float, action: Callable[[], T], *, until_stop: bool = False) -> T:
        """What `action` returns or raises. Raises BenchError after `seconds` of the wall clock."""
        results: list[T] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def call() -> None:
            try:
                results.append(action())
            except BaseException as error:  # raised again by the thread that waits
                errors.append(error)
            ended.set()

        until = time.time() + seconds
        threading.Thread(target=call, daemon=True).start()
        while not ended.wait(_LOOK_S if until_stop else min(1.0, max(_LOOK_S, until - time.time()))):
            if until_stop and self._stop.reason is not None:
                raise SweepStopped
            if time.time() >= until:
                raise BenchError(f"SkyPilot's answer ({what}) did not come within {seconds:.0f} s")
        if errors:
            raise errors[0]
        return results[0]
