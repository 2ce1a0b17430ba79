"""Machines that are not there but for their jobs: a task's run is run here, with what would be mounted there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.store import RawRecord
from bench.sweep.provisioning.jobs import ARCHIVE, task_config
from bench.sweep.provisioning.provisioner import Instance, Job, LaunchRequest
from tests.support.fake_provisioner import FakeProvisioner


def run_on_a_machine(config: dict[str, Any], home: Path) -> str:
    """What the task's run prints, on a machine that has Python and what was mounted."""
    place = home / ARCHIVE.removeprefix("~/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(Path(config["file_mounts"][ARCHIVE]).read_bytes())
    environ = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **config["envs"]}
    return subprocess.run(
        ["bash", "-c", config["run"]], env=environ, cwd=home, capture_output=True, text=True, timeout=300, check=False
    ).stdout


class TaskMachines(FakeProvisioner):
    """Each machine has a home of its own below `homes`. The clusters in `lost` go after the first record, once."""

    def __init__(self, homes: Path, lost: Iterable[str] = ()) -> None:
        super().__init__()
        self._homes, self._lost, self._taken = homes, set(lost), False
        self._printed: dict[str, list[str]] = {}

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        self.calls.append(f"run {request.cluster}")
        home = self._homes / request.cluster
        config = task_config(request)
        lines = run_on_a_machine(config | {"envs": {**config["envs"], **envs}}, home).splitlines()
        if request.cluster in self._lost:
            first = next(number for number, line in enumerate(lines, 1) if "bench-record: " in line)
            lines = lines[:first]
        self._printed[request.cluster] = lines
        return 2

    def job(self, cluster: str, job: int) -> Job:
        if job != 2 or cluster not in self._lost:
            return Job.DONE
        if not self._taken:  # it is asked for its log before it goes
            self._taken = True
            return Job.RUNNING
        self._lost.discard(cluster)
        self.up[cluster].gone = True
        self.up[cluster].plot.taken_back = "EC2 says Server.SpotInstanceTermination"
        return Job.GONE

    def log(self, cluster: str, job: int) -> Sequence[str]:
        self._reached(cluster)
        return self._printed.get(cluster, [])

    def records(self, cluster: str) -> Iterable[RawRecord]:
        self._reached(cluster)
        return []
