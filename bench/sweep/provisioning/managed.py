"""Spot machines with recovery: SkyPilot's managed jobs, asked for in the words of plain machines.

SkyPilot's controller rents, prepares, measures, rents again after a pre-emption and gives back. What is left to a sweep
is to wait, and to cancel. Its machines write to S3, as nothing can be collected from them, and close their own leases,
as the books of their clusters are the controller's.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.errors import BenchError
from bench.sweep.provisioning.failure import NoMachine, plain
from bench.sweep.provisioning.provisioner import Job, Order, Packed, Rented, Standing, Used
from bench.sweep.provisioning.skypilot import library
from bench.sweep.provisioning.task_config import task_config
from bench.sweep.yaml_file import read

_STARTING = ("PENDING", "SUBMITTED", "STARTING")
_OVER = {"SUCCEEDED": Job.DONE, "CANCELLED": Job.FAILED}
_FIELDS = [
    "job_id",
    "task_id",
    "job_name",
    "status",
    "failure_reason",
    "submitted_at",
    "cloud",
    "region",
    "zone",
]
_TAIL = 1000  # lines
_PATIENCE_S = 600  # for a cancelled job's machine to be gone


def recovers(order: Order) -> bool:
    """Whether the cell is to be recovered: on spot, writing to S3, by a task file that says how (`job_recovery`)."""
    resources = read(order.task).content.get("resources") or {}
    choices = [resources, *(resources.get("any_of") or ()), *(resources.get("ordered") or ())]
    return order.spot and bool(order.envs.get("BENCH_STORE")) and any(each.get("job_recovery") for each in choices)


class ManagedJobs:
    """Rents through SkyPilot's jobs controller. See `Renting`; `skypilot.SkyPilot` checks for both."""

    def __init__(self, poll: float = 5.0) -> None:
        self._poll = poll
        self._abandoned: set[str] = set()
        self._requests: dict[str, str] = {}
        self._lock = threading.Lock()

    def check(self) -> None:
        """Nothing that SkyPilot itself has not been asked."""

    def launch(self, order: Order) -> Rented:
        """Submit the whole task. Returns once its first machine is there."""
        sky = library()
        task = sky.Task.from_yaml_config(task_config(order))
        request = sky.jobs.launch(task, name=order.cluster)
        with self._lock:
            self._requests[order.cluster] = request
        sky.get(request)
        while True:
            job = self._job(order.cluster)
            state = job.status.name
            if state == "FAILED_NO_RESOURCE":
                raise NoMachine(plain(job.failure_reason or "no machine was to be had"))
            if state not in _STARTING:
                return _rented(job)
            with self._lock:
                if order.cluster in self._abandoned:
                    raise BenchError("given up before it began")
            time.sleep(self._poll)

    def abandon(self, cluster: str) -> None:
        """Break off a `launch` in flight or to come, which then raises."""
        sky = library()
        with self._lock:
            self._abandoned.add(cluster)
            request = self._requests.get(cluster)
        if request:
            sky.get(sky.api_cancel(request, silent=True))

    def run(self, order: Order, machine: Rented, envs: Mapping[str, str]) -> int:
        """The job that runs already: the controller went on by itself, and told the machine what it knows."""
        return int(self._job(order.cluster).job_id)

    def job(self, cluster: str, job: int) -> Job:
        """Where the job stands; while it is recovered, it runs."""
        state = self._job(cluster).status
        return _OVER.get(state.name, Job.FAILED) if state.is_terminal() else Job.RUNNING

    def log(self, cluster: str, job: int) -> Sequence[str]:
        """The last lines that the job printed; where it made none, why it failed."""
        sky = library()
        said = io.StringIO()
        sky.jobs.tail_logs(job_id=job, follow=False, tail=_TAIL, output_stream=said)
        return [*said.getvalue().splitlines(), self._job(cluster).failure_reason or ""]

    def cancel(self, cluster: str) -> None:
        """End the job."""
        sky = library()
        sky.get(sky.jobs.cancel(job_ids=[self._job(cluster).job_id]))

    def records(self, cluster: str) -> Iterable[Packed]:
        """Raises BenchError: they are in the store."""
        raise BenchError(f"{cluster} is a managed job: its records are in the store that it was given")

    def down(self, cluster: str) -> None:
        """End the job and, by the controller, its machine. Returns once both are gone."""
        if not self._named(cluster, finished=False):
            return
        self.cancel(cluster)
        until = time.monotonic() + _PATIENCE_S
        while self._named(cluster, finished=False):
            if time.monotonic() > until:
                raise BenchError("its job was cancelled and has not ended")
            time.sleep(self._poll)

    def used(self, cluster: str, since: datetime) -> Used | None:
        """None: the books are the controller's."""
        return None

    def standing(self) -> Sequence[Standing]:
        """Every managed job that is not over."""
        return [
            Standing(job.job_name, job.status.name, datetime.fromtimestamp(job.submitted_at or 0, UTC), _rented(job))
            for job in self._jobs(finished=False)
        ]

    def _job(self, name: str) -> Any:
        """The newest job of that name."""
        if not (found := self._named(name, finished=True)):
            raise BenchError(f"SkyPilot knows no managed job {name}")
        return max(found, key=lambda job: job.job_id)

    def _named(self, name: str, *, finished: bool) -> list[Any]:
        return [job for job in self._jobs(finished=finished) if job.job_name == name]

    def _jobs(self, *, finished: bool) -> list[Any]:
        sky = library()
        try:
            found: list[Any] = sky.get(sky.jobs.queue_v2(refresh=False, skip_finished=not finished, fields=_FIELDS))[0]
        except (sky.exceptions.ClusterNotUpError, sky.exceptions.ClusterDoesNotExist):  # no controller, so no jobs
            return []
        return found


def _rented(job: Any) -> Rented:
    """What is known of its machine. SkyPilot tells no price, and the next machine may have another."""
    return Rented((job.cloud or "unknown").lower(), job.region, job.zone, spot=True)
