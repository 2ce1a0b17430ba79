"""Machines that are not there, rented as a `provisioner` says: for tests of what a sweep does with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bench.errors import BenchError
from bench.recipes import find
from bench.record.documents import LeaseOpened, RecipeRef, Run, Series, to_bytes, utc_now
from bench.store import FolderStore, Store
from bench.store.base import RawRecord
from bench.store.log import to_line
from bench.sweep.orchestration.sweep_runner import SweepResult
from bench.sweep.provisioning.provisioner import (
    ClusterStatus,
    Instance,
    Job,
    LaunchRequest,
    StandingJobs,
    Uptime,
    refuse_foreign,
)
from tests.support.builders import make_run

RunSweep = Callable[..., tuple[SweepResult, str]]  # what the fixture `run_sweep` is


@dataclass
class Plot:
    """What happens to one cell. Each question about its job finds one run more; all of them, unless `makes` is less.

    `hangs` is where it goes no further by itself: launch, setup or run; or the request that hangs: job or down. `then`
    is what happens to the machine after this one. With `echoes` its records are in its log, as
    `sky/run.sh` has it; `log` is what else is there. A machine whose job ends as GONE answers no more; `taken_back` is
    what its cloud says of it then, and with `noticed` its run in flight recorded the notice. With `refused` the store
    that it should write to takes nothing from it. `running` is what SkyPilot says of when it ran.
    """

    refuses: Exception | None = None
    hangs: str | None = None
    makes: int | None = None
    ends: Job = Job.DONE
    setup_ends: Job = Job.DONE
    fails_with: str | None = None
    hourly: Decimal | None = Decimal("3.60")
    provider: str = "aws"
    down_fails: int = 0
    records_fail: int = 0
    job_fails: int = 0
    log: Sequence[str] = ()
    taken_back: str | Exception | None = None
    noticed: bool = False
    running: datetime | None = None
    echoes: bool = True
    refused: bool = False
    then: Plot | None = None


@dataclass
class Machine:
    request: LaunchRequest
    envs: Mapping[str, str]
    plot: Plot
    instance: Instance
    runs: list[Run] = field(default_factory=list)
    opened: LeaseOpened | None = None
    cancelled: bool = False
    gone: bool = False


class FakeProvisioner:
    """Rents as the plots say, by cell name. `store`: where machines with a BENCH_STORE write.

    `up` are the machines that are there, `calls` what was asked, in order.
    """

    def __init__(self, store: Store | None = None, **plots: Plot) -> None:
        self.store = store
        self.plots = {name.replace("_", "-"): plot for name, plot in plots.items()}
        self.up: dict[str, Machine] = {}
        self.books: dict[str, Uptime] = {}
        self.calls: list[str] = []
        self.orders: dict[str, LaunchRequest] = {}
        self.hung = threading.Event()  # what hangs in a request goes on once it is set
        self._cancellations: dict[str, threading.Event] = {}

    def check(self) -> None:
        self.calls.append("check")

    def launch(self, request: LaunchRequest) -> Instance:
        self.calls.append(f"launch {request.cluster}")
        self.orders[request.cluster] = request
        plot = self._plot(request.cluster)
        if self.calls.count(f"launch {request.cluster}") > 1 and plot.then:
            plot = plot.then
        if plot.refuses:
            raise plot.refuses
        if plot.hangs == "launch":
            self._cancelled(request.cluster).wait(20)
            raise RuntimeError("the request was cancelled")
        if request.cluster in self.up:
            there = self.up[request.cluster].instance
            refuse_foreign(request.cluster, there, request.labels)
            return there
        self.books[request.cluster] = Uptime(utc_now(), None)
        instance = Instance(
            plot.provider,
            "us-east-1",
            instance_type="p3.2xlarge",
            spot=request.spot,
            hourly=plot.hourly,
            running=plot.running,
            setup=1,
            lease_label=request.lease_id,
            labels=request.labels,
        )
        self.up[request.cluster] = Machine(request, request.envs, plot, instance)
        return instance

    def cancel_launch(self, cluster: str) -> None:
        self.calls.append(f"cancel_launch {cluster}")
        self._cancelled(cluster).set()

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        self.calls.append(f"run {request.cluster}")
        machine = self.up[request.cluster]
        machine.envs = {**request.envs, **envs}
        machine.opened = LeaseOpened(
            id=machine.envs["BENCH_LEASE_ID"],
            provider=machine.instance.provider,
            started=utc_now(),
            tags={"bench-lease": machine.envs["BENCH_LEASE_ID"]}
            | dict(word.split("=") for word in machine.envs["BENCH_LEASE_TAGS"].split()),
        )
        self._put(machine, machine.opened)
        return 2

    def standing_jobs(self, cluster: str) -> StandingJobs:
        self.calls.append(f"standing_jobs {cluster}")
        return StandingJobs(1, 2 if self.up[cluster].opened else None)

    def job(self, cluster: str, job: int) -> Job:
        machine = self.up[cluster]
        plot = machine.plot
        if plot.job_fails:
            plot.job_fails -= 1
            raise ConnectionError("the server is busy")
        if plot.hangs == "job":
            self.hung.wait(20)
        if job == 1:
            return Job.SETUP if plot.hangs == "setup" else plot.setup_ends
        left = self._left(machine)
        if left and (plot.makes is None or len(machine.runs) < plot.makes):
            self._make(machine, *left[0])
            return Job.RUNNING
        if plot.hangs == "run":
            return Job.RUNNING
        if plot.noticed and left:
            plot.noticed = False
            self._make(machine, *left[0], status="interrupted", reason="PREEMPTED", message="taken", evaluations=())
            return Job.RUNNING
        machine.gone = plot.ends is Job.GONE
        return plot.ends

    def taken_back(self, instance: Instance) -> str | None:
        self.calls.append("taken_back")
        machine = next(machine for machine in self.up.values() if machine.instance == instance)
        if isinstance(machine.plot.taken_back, Exception):
            raise machine.plot.taken_back
        return machine.plot.taken_back

    def log(self, cluster: str, job: int) -> Sequence[str]:
        machine = self._reached(cluster)
        printed = [line for run in machine.runs for line in (to_line(run), run.key())]
        if machine.opened:
            printed.insert(0, to_line(machine.opened))
        echoed = [line for line in printed if machine.plot.echoes or "bench-record" not in line]
        return [*(f"\x1b[36m(bench, pid=7)\x1b[0m {line}" for line in echoed), *machine.plot.log]

    def whole_log(self, cluster: str) -> Iterable[str]:
        return [f"{line}\n" for line in self.log(cluster, 2)]

    def _reached(self, cluster: str) -> Machine:
        machine = self.up[cluster]
        if machine.gone:
            raise ConnectionError(f"cluster {cluster} is not up")
        return machine

    def cancel(self, cluster: str) -> None:
        self.calls.append(f"cancel {cluster}")
        self.up[cluster].cancelled = True

    def records(self, cluster: str) -> Iterable[RawRecord]:
        self.calls.append(f"records {cluster}")
        machine = self._reached(cluster)
        if machine.plot.records_fail:
            machine.plot.records_fail -= 1
            raise BenchError("its log broke off")
        documents = [*_earlier_runs(machine.request), *([machine.opened] if machine.opened else []), *machine.runs]
        return [RawRecord(document.key(), to_bytes(document)) for document in documents]

    def down(self, cluster: str) -> None:
        self.calls.append(f"down {cluster}")
        plot = self._plot(cluster)
        if plot.hangs == "down":
            self.hung.wait(20)
        if plot.down_fails:
            plot.down_fails -= 1
            raise RuntimeError("\x1b[31mthe cloud\nsays no\x1b[0m")
        if self.up.pop(cluster, None):
            self.books[cluster] = self.books[cluster]._replace(stopped=utc_now())

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        return self.books.get(cluster)

    def clusters(self) -> Sequence[ClusterStatus]:
        return [
            ClusterStatus(name, "UP", self.books[name].started, machine.instance) for name, machine in self.up.items()
        ]

    def _plot(self, cluster: str) -> Plot:
        return self.plots.get(cluster.removeprefix("bench-trial-"), Plot())

    def _cancelled(self, cluster: str) -> threading.Event:
        return self._cancellations.setdefault(cluster, threading.Event())

    def _left(self, machine: Machine) -> list[tuple[str, int]]:
        """What `bench run --resume` would still make."""
        runs = machine.runs + _earlier_runs(machine.request)
        if self.store is not None:
            documents = [self.store.read(key) for key in self.store.keys("v1/runs/")]
            runs += [document for document in documents if isinstance(document, Run)]
        series = machine.envs["BENCH_SERIES_ID"]
        finished = {(run.label, run.seed) for run in runs if run.series.id == series and run.status != "interrupted"}
        recipes = machine.envs["BENCH_RECIPES"].split()
        seeds = range(int(machine.envs["BENCH_RUNS"]))
        return [(recipe, seed) for seed in seeds for recipe in recipes if (recipe, seed) not in finished]

    def _make(self, machine: Machine, recipe: str, seed: int, **changes: object) -> None:
        reason = machine.plot.fails_with
        failed = {"status": "failed", "reason": reason, "message": f"{reason} with batch 512", "evaluations": ()}
        run = make_run(
            seed=seed,
            recipe=RecipeRef(name=recipe, source_sha256=find(recipe).source_sha256()),
            series=Series(id=machine.envs["BENCH_SERIES_ID"], index=seed, planned=int(machine.envs["BENCH_RUNS"])),
            lease_id=machine.envs["BENCH_LEASE_ID"],
            **(failed if reason else {}),
            **changes,
        )
        machine.runs.append(run)
        self._put(machine, run)

    def _put(self, machine: Machine, document: LeaseOpened | Run) -> None:
        """What `bench run` on the machine does, where it is told a store."""
        if machine.envs["BENCH_STORE"] and not machine.plot.refused:
            assert self.store is not None
            self.store.put(document)


def _earlier_runs(request: LaunchRequest) -> list[Run]:
    """The records that were put on the machine."""
    if request.records is None:
        return []
    store = FolderStore(request.records)
    return [document for document in map(store.read, store.keys()) if isinstance(document, Run)]
