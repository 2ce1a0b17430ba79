"""A cloud whose machines are files: they live on, make runs and cost money while no process of a sweep does.

What a machine has done by now follows from the time, so that it needs no process of its own.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.recipes import find
from bench.record.documents import LeaseOpened, RecipeRef, Run, Series, from_bytes, to_bytes
from bench.store import FolderStore, RawRecord
from bench.store.lock import locked
from bench.store.log import to_line
from bench.sweep.orchestration.limited import Limits, Patience
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.state import Budget
from bench.sweep.orchestration.sweep_runner import SweepRunner
from bench.sweep.provisioning.provisioner import (
    ClusterStatus,
    Instance,
    Job,
    LaunchRequest,
    StandingJobs,
    Uptime,
)
from bench.sweep.spec import Sweep
from tests.support.builders import make_run

HOURLY = Decimal(3600)  # a dollar a second
_BOOT_S, _SETUP_S, _RUN_S = 0.1, 0.1, 0.1


class DiskCloud:
    """The machines in `folder`: state.json, and a file for each record that one of them has made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    @contextmanager
    def state(self) -> Iterator[dict[str, Any]]:
        """The machines that are there, by cluster, and all that were ever rented."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self._folder / "state.json"
            state = json.loads(path.read_text()) if path.exists() else {"up": {}, "rented": []}
            for machine in state["up"].values():
                self._make_runs(machine)
            yield state
            scratch = path.with_suffix(f".{os.getpid()}")
            scratch.write_text(json.dumps(state))
            scratch.replace(path)

    def made(self) -> list[Run | LeaseOpened]:
        """Every record that a machine has made and printed."""
        documents = [from_bytes(path.read_bytes(), path.name) for path in sorted(self._folder.glob("*/*.json"))]
        return [document for document in documents if isinstance(document, Run | LeaseOpened)]

    def check(self) -> None:
        pass

    def launch(self, request: LaunchRequest) -> Instance:
        with self.state() as state:
            if request.cluster not in state["up"]:
                number = len(state["rented"])
                rented = {"cluster": request.cluster, "lease": request.lease_id, "began": time.time(), "ended": None}
                state["rented"].append(rented)
                state["up"][request.cluster] = {
                    "number": number,
                    "labels": {**request.labels, "bench-lease": request.lease_id},
                    "ready": time.time() + _BOOT_S,
                    "spot": request.spot,
                    "job": None,
                }
        time.sleep(_BOOT_S)
        with self.state() as state:
            return _instance(state["up"][request.cluster])

    def cancel_launch(self, cluster: str) -> None:
        pass

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        every = {**request.envs, **envs}
        earlier = FolderStore(request.records) if request.records else None
        runs = [earlier.read(key) for key in earlier.keys("v1/runs/")] if earlier else []
        finished = {(run.label, run.seed) for run in runs if isinstance(run, Run)}
        wanted = [(name, seed) for seed in range(int(every["BENCH_RUNS"])) for name in every["BENCH_RECIPES"].split()]
        with self.state() as state:
            machine = state["up"][request.cluster]
            machine["job"] = {
                "began": time.time(),
                "todo": [each for each in wanted if each not in finished],
                "series": every["BENCH_SERIES_ID"],
                "lease": every["BENCH_LEASE_ID"],
                "ended": None,
            }
            opened = LeaseOpened(
                id=every["BENCH_LEASE_ID"],
                provider="aws",
                started=datetime.fromtimestamp(state["rented"][machine["number"]]["began"], UTC),
                price=instance.price,
                tags=dict(word.split("=") for word in every["BENCH_LEASE_TAGS"].split()),
            )
            self._put(machine, "lease", opened)
        return 2

    def standing_jobs(self, cluster: str) -> StandingJobs:
        with self.state() as state:
            return StandingJobs(1, 2 if state["up"][cluster]["job"] else None)

    def job(self, cluster: str, job: int) -> Job:
        with self.state() as state:
            machine = state["up"][cluster]
            if job == 1:
                return Job.DONE if time.time() >= machine["ready"] + _SETUP_S else Job.SETUP
            task = machine["job"]
            if task["ended"]:
                return Job.FAILED
            return Job.DONE if self._count(task) >= len(task["todo"]) else Job.RUNNING

    def taken_back(self, instance: Instance) -> str | None:
        return None

    def log(self, cluster: str, job: int) -> Sequence[str]:
        with self.state() as state:
            return [line for record in self._records(state["up"][cluster]) for line in (to_line(record), record.key())]

    def whole_log(self, cluster: str) -> Iterable[str]:
        return [f"{line}\n" for line in self.log(cluster, 2)]

    def cancel(self, cluster: str) -> None:
        with self.state() as state:
            if task := state["up"][cluster]["job"]:
                task["ended"] = task["ended"] or time.time()

    def records(self, cluster: str) -> Iterable[RawRecord]:
        with self.state() as state:
            return [RawRecord(record.key(), to_bytes(record)) for record in self._records(state["up"][cluster])]

    def down(self, cluster: str) -> None:
        time.sleep(0.02)
        with self.state() as state:
            if machine := state["up"].pop(cluster, None):
                state["rented"][machine["number"]]["ended"] = time.time()

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        with self.state() as state:
            rented = [each for each in state["rented"] if each["cluster"] == cluster]
        if not rented or datetime.fromtimestamp(rented[-1]["began"], UTC) < since - timedelta(seconds=5):
            return None
        began, ended = rented[-1]["began"], rented[-1]["ended"]
        return Uptime(datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(ended, UTC) if ended else None)

    def clusters(self) -> Sequence[ClusterStatus]:
        with self.state() as state:
            return [
                ClusterStatus(
                    cluster,
                    "UP" if time.time() >= machine["ready"] else "INIT",
                    datetime.fromtimestamp(state["rented"][machine["number"]]["began"], UTC),
                    _instance(machine),
                )
                for cluster, machine in state["up"].items()
            ]

    @staticmethod
    def _count(task: dict[str, Any]) -> int:
        return min(len(task["todo"]), int(((task["ended"] or time.time()) - task["began"]) / _RUN_S))

    def _make_runs(self, machine: dict[str, Any]) -> None:
        """Write the records of the runs that have ended by now."""
        task = machine["job"]
        for name, seed in task["todo"][: self._count(task)] if task else ():
            if not (self._folder / str(machine["number"]) / f"{name} {seed}.json").exists():
                run = make_run(
                    seed=seed,
                    recipe=RecipeRef(name=name, source_sha256=find(name).source_sha256()),
                    series=Series(id=task["series"], index=seed, planned=1000),
                    lease_id=task["lease"],
                )
                self._put(machine, f"{name} {seed}", run)

    def _put(self, machine: dict[str, Any], name: str, document: Run | LeaseOpened) -> None:
        folder = self._folder / str(machine["number"])
        folder.mkdir(exist_ok=True)
        scratch = folder / f"{name}.tmp"
        scratch.write_bytes(to_bytes(document))
        scratch.replace(folder / f"{name}.json")

    def _records(self, machine: dict[str, Any]) -> list[Run | LeaseOpened]:
        paths = sorted((self._folder / str(machine["number"])).glob("*.json"))
        documents = [from_bytes(path.read_bytes(), path.name) for path in paths]
        return [document for document in documents if isinstance(document, Run | LeaseOpened)]


def _instance(machine: dict[str, Any]) -> Instance:
    labels = machine["labels"]
    return Instance(
        "aws", spot=machine["spot"], hourly=HOURLY, setup=1, lease_label=labels["bench-lease"], labels=labels
    )


def call_sweep(cloud: Path, store: Path, words: dict[str, Any], cost: str | None) -> None:
    """What a process of `bench sweep` does, to its exit code."""
    sweep, opened = Sweep.model_validate(words), FolderStore(store)
    opened.check_writable()
    patience = Patience(poll=0.02, server=5, give_back=5, limits=Limits(before_tear_down=5))
    with locked(opened, f"sweep-{sweep.name}") as lost:
        runner = SweepRunner(sweep, DiskCloud(cloud), opened, patience)
        runner.load_state()
        runner.check()
        result = runner.run(Budget(Decimal(cost) if cost else None), Lines(Console(file=io.StringIO())), lost)
    os._exit(result.exit_code)
