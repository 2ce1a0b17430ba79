"""The adapter to SkyPilot's Python API: no type of SkyPilot leaves this file. SkyPilot is imported when needed."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.billing import known
from bench.errors import BenchError
from bench.record.documents import LEASE_TAG, Accelerators
from bench.store import RawRecord
from bench.sweep.provisioning.evidence import cloud_evidence, refusals, running_since
from bench.sweep.provisioning.failure import error_line
from bench.sweep.provisioning.jobs import PACK, run_config, setup_config, task_config, unpack
from bench.sweep.provisioning.provisioner import (
    OWN_CLUSTERS,
    ClusterStatus,
    Instance,
    Job,
    LaunchRequest,
    StandingJobs,
    Uptime,
    refuse_foreign,
)

_JOBS = {
    "INIT": Job.WAITING,
    "PENDING": Job.WAITING,
    "SETTING_UP": Job.SETUP,
    "RUNNING": Job.RUNNING,
    "SUCCEEDED": Job.DONE,
}
_TAIL = 1000  # lines
_RUN = "bench-run"  # the job that measures
_COLLECT = "bench-collect"  # the job that prints the records in the machine's folder
_SLACK = timedelta(seconds=5)  # its history has whole seconds


@contextmanager
def quietly() -> Iterator[None]:
    """Keep SkyPilot's output off stdout, which is for results, from its import on.

    What it raises becomes a BenchError, in its own words.
    """
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sky", "requests"):
            raise
        raise BenchError(f"SkyPilot: {error_line(error)}") from None


class SkyPilot:
    """Rents through SkyPilot's API server. See `Provisioner`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._launches: dict[str, str] = {}  # cluster -> SkyPilot's request
        self._cancelled: set[str] = set()

    def check(self) -> None:
        """Raise BenchError, with what to do, if nothing can be rented from here."""
        os.environ.setdefault("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
        try:
            import sky  # noqa: F401 -- whether it can be imported
            from sky.client import sdk
        except ImportError as error:
            raise BenchError(
                f"SkyPilot is not installed here ({error}); for AWS, for example: "
                f"{sys.executable} -m pip install 'skypilot[aws]'"
            ) from None
        try:
            # The clouds that were enabled when it was last checked.
            clouds = sdk.get(sdk.enabled_clouds()) or (
                sdk.get(sdk.check(None, verbose=False)) and sdk.get(sdk.enabled_clouds())
            )
        except Exception as error:  # whatever the reason
            raise BenchError(
                f"SkyPilot's API server does not answer ({error_line(error)}); see `sky api info`"
            ) from None
        if not clouds:
            raise BenchError("no cloud is enabled in SkyPilot; `sky check` says what each of them needs")

    def launch(self, request: LaunchRequest) -> Instance:
        """Rent the machine, and begin to prepare it. Returns once it exists."""
        sky = _sky()
        with self._lock:
            if request.cluster in self._cancelled:
                raise BenchError("cancelled before it began")
        task = sky.Task.from_yaml_config(setup_config(task_config(request)))
        # Otherwise it would run on any machine of that name, whoever rented it.
        for record in sky.get(sky.status([request.cluster], refresh=sky.StatusRefreshMode.NONE, all_users=True)):
            refuse_foreign(request.cluster, record["handle"] and _instance(record["handle"], None), request.labels)
        request_id = sky.launch(task, cluster_name=request.cluster)
        with self._lock:
            self._launches[request.cluster] = request_id
            too_late = request.cluster in self._cancelled
        if too_late:
            sky.get(sky.api_cancel(request_id, silent=True))
        try:
            setup, handle = sky.get(request_id)
        except Exception as error:
            for line in refusals(request.cluster):
                error.add_note(line)
            raise
        instance = _instance(handle, setup)
        refuse_foreign(request.cluster, instance, request.labels)  # theirs may have come first
        return replace(instance, running=running_since(request.cluster))

    def cancel_launch(self, cluster: str) -> None:
        """Cancel a current or future `launch`, which then raises. Returns once it has stopped."""
        sky = _sky()
        with self._lock:
            self._cancelled.add(cluster)
            request_id = self._launches.get(cluster)
        if request_id:
            sky.get(sky.api_cancel(request_id, silent=True))

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        """Start what is to be measured, with additional `envs`, and return its job."""
        sky = _sky()
        config = task_config(request)
        config["envs"] = {**config["envs"], **envs}
        gpus = instance.accelerators
        task = sky.Task.from_yaml_config({**run_config(config, str(gpus) if gpus else None), "name": _RUN})
        job, _ = sky.get(sky.exec(task, cluster_name=request.cluster))
        assert job is not None  # only a dry run has none
        return int(job)

    def standing_jobs(self, cluster: str) -> StandingJobs:
        """The jobs that an earlier call has started on the machine."""
        jobs = self._jobs(cluster)
        return StandingJobs(
            min((job for job, name in jobs if name != _RUN), default=None),
            max((job for job, name in jobs if name == _RUN), default=None),
        )

    def _jobs(self, cluster: str) -> list[tuple[int, str]]:
        """Number and name of each job except those that collected records, the first job first."""
        sky = _sky()
        jobs = [(row["job_id"], row["job_name"]) for row in sky.get(sky.queue(cluster, all_users=True))]
        return sorted((job, name) for job, name in jobs if name != _COLLECT)

    def job(self, cluster: str, job: int) -> Job:
        """The state of a job. Raises if the machine exists but does not answer."""
        sky = _sky()
        try:
            states = sky.get(sky.job_status(cluster, [job]))
        except Exception:
            # INIT may also be a machine whose runtime or SSH does not answer, and STOPPED one still has its disk: only
            # a machine that no longer exists disappears from SkyPilot's list.
            if self._status(cluster, ask=True):
                raise
            return Job.GONE
        state = next(iter(states.values()))
        return Job.WAITING if state is None else _JOBS.get(state.name, Job.FAILED)

    def taken_back(self, instance: Instance) -> str | None:
        """The cloud's statement that it took back a machine that is gone; None if it says otherwise, or nothing."""
        return cloud_evidence(instance)

    def log(self, cluster: str, job: int) -> Sequence[str]:
        """The last lines that the job printed."""
        printed = io.StringIO()
        _sky().tail_logs(cluster, job, follow=False, tail=_TAIL, output_stream=printed)
        return printed.getvalue().splitlines()

    def whole_log(self, cluster: str) -> Iterator[str]:
        """The complete output of the jobs on the machine, the first job first, in pieces of any length."""
        sky = _sky()
        for job, _ in self._jobs(cluster):
            yield from filter(None, sky.tail_logs(cluster, job, follow=False, preload_content=False))

    def cancel(self, cluster: str) -> None:
        """Cancel every job on the machine."""
        sky = _sky()
        sky.get(sky.cancel(cluster, all=True))

    def records(self, cluster: str) -> Iterator[RawRecord]:
        """Every record in `~/bench-results` of the machine. Raises BenchError if they cannot be read."""
        sky = _sky()
        job, _ = sky.get(sky.exec(sky.Task(name=_COLLECT, run=PACK), cluster_name=cluster))
        lines = sky.tail_logs(cluster, job, follow=True, preload_content=False)
        return unpack(line for line in lines if line)

    def down(self, cluster: str) -> None:
        """Terminate the machine; does nothing if there is none. Returns once it is gone."""
        sky = _sky()
        if self._status(cluster):
            sky.get(sky.down(cluster))
        if self._status(cluster):
            raise BenchError("SkyPilot still lists it")

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        """When the newest cluster of that name was paid for; None if none was launched since then."""
        sky = _sky()
        days = (datetime.now(UTC) - since).days + 1
        rows = [row["usage_intervals"] for row in sky.get(sky.cost_report(days=days)) if row["name"] == cluster]
        intervals = max(filter(None, rows), default=None, key=lambda row: row[0][0])
        if intervals is None or (started := datetime.fromtimestamp(intervals[0][0], UTC)) < since - _SLACK:
            return None
        stopped = intervals[-1][1]
        return Uptime(started, None if stopped is None else datetime.fromtimestamp(stopped, UTC))

    def clusters(self) -> Sequence[ClusterStatus]:
        """Every existing machine, not only those of sweeps."""
        sky = _sky()
        records = sky.get(sky.status(refresh=sky.StatusRefreshMode.AUTO))
        return [
            ClusterStatus(
                record["name"],
                record["status"].value,
                datetime.fromtimestamp(record["launched_at"], UTC),
                _instance(record["handle"], None) if record["handle"] else None,
            )
            for record in records
        ]

    def _status(self, cluster: str, *, ask: bool = False) -> list[Any]:
        """SkyPilot's record of the cluster, if it has one; `ask` the cloud first."""
        sky = _sky()
        mode = sky.StatusRefreshMode.FORCE if ask else sky.StatusRefreshMode.NONE
        records: list[Any] = sky.get(sky.status([cluster], refresh=mode))
        return records


def _sky() -> Any:
    """The package `sky`. `check` has imported it before."""
    import sky

    return sky


def _instance(handle: Any, setup: int | None) -> Instance:
    resources = handle.launched_resources
    provider = str(resources.cloud).lower()
    info, nodes = handle.cached_cluster_info, int(handle.launched_nodes or 1)
    one = _hourly(resources)
    return Instance(
        provider=provider,
        region=resources.region,
        zone=resources.zone,
        instance_type=resources.instance_type,
        accelerators=_accelerators(resources.accelerators),
        spot=bool(resources.use_spot),
        nodes=nodes,
        hourly=one and one * nodes,
        # A bill lists each machine: those of several nodes are found by their label.
        resource_id=info.head_instance_id if info and nodes == 1 and provider not in OWN_CLUSTERS else None,
        lease_label=(resources.labels or {}).get(LEASE_TAG),
        labels=dict(resources.labels or {}),
        setup=setup,
    )


def _hourly(resources: Any) -> Decimal | None:
    """USD per hour of one node. A price of 0 means that the catalogue has none."""
    try:
        return known(Decimal(str(round(resources.get_cost(3600), 6))))
    except Exception:  # no catalogue, no entry, no network: in any case the price is unknown
        return None


def _accelerators(counts: Mapping[str, Any] | None) -> Accelerators | None:
    """The GPUs of a machine; None if it has none, or a share of one."""
    for name, count in (counts or {}).items():
        if count >= 1 and count == int(count):
            return Accelerators(name=name, count=int(count))
    return None
