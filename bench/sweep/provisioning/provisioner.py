"""The interface to whatever rents the machines, `skypilot.py` or a test's stand-in, and the labels of machines."""

from __future__ import annotations

import binascii
from base64 import b32decode, b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.errors import BenchError
from bench.record.documents import Accelerators, Price, utc_now
from bench.store import RawRecord
from bench.sweep.spec import SWEEP_TAG

# Clouds of SkyPilot that are the user's own clusters. Their machine ids are on no bill, and contain host names.
OWN_CLUSTERS = ("kubernetes", "slurm", "ssh")
_STORE = "bench-store-"
_LONGEST = 56  # Google takes 63 characters, small letters, digits, - and _; base32 comes in groups of 8


@dataclass(frozen=True)
class LaunchRequest:
    """One machine to rent. `cloud` is an `infra` of SkyPilot; None: the task file's choice.

    `envs` and `secrets` override those of the task file; `lease_id` becomes its label `bench-lease`, in addition to
    `labels`. `records` is a folder of earlier records to copy to the machine, so that it can continue the series.
    `accelerators`, such as B300:1, replace those of the task file; None: those of the file. `program`: the task is the
    user's own, and is measured by `bench.programs` with these arguments.
    """

    cluster: str
    task: Path
    cloud: str | None
    spot: bool
    lease_id: str
    envs: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    records: Path | None = None
    accelerators: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    program: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    """A rented machine, or several alike, its `nodes`. `hourly` is their current price together, USD. None: unknown.

    `running` is when the cloud had it running, when most begin to charge. `setup` is the job that prepares it; None:
    there is nothing to prepare. `lease_label` is `bench-lease` of its `labels`.
    """

    provider: str
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    accelerators: Accelerators | None = None
    spot: bool = False
    nodes: int = 1
    hourly: Decimal | None = None
    resource_id: str | None = None
    running: datetime | None = None
    setup: int | None = None
    lease_label: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def price(self) -> Price | None:
        """The price of one of its nodes, as in a lease's record; None if unknown."""
        if self.hourly is None:
            return None
        return Price(
            amount=self.hourly / self.nodes,
            pricing_category="Dynamic" if self.spot else "Standard",
            source="SkyPilot catalogue",
            currency="USD",
            seen=utc_now().date(),
        )


class ForeignMachineError(BenchError):
    """The machine of that name was rented by another sweep: it is neither used nor given back."""


class Job(Enum):
    """The state of a job on a machine. GONE: the machine no longer exists, according to the cloud."""

    WAITING = "waiting"
    SETUP = "setup"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"

    @property
    def over(self) -> bool:
        """Whether it is final."""
        return self in (Job.DONE, Job.FAILED, Job.GONE)


class Uptime(NamedTuple):
    """When a machine was paid for, by SkyPilot's history; `stopped` None: it still is."""

    started: datetime
    stopped: datetime | None


@dataclass(frozen=True)
class ClusterStatus:
    """A machine that exists, or is being provisioned or terminated: what `bench status` shows."""

    cluster: str
    state: str
    launched: datetime
    instance: Instance | None


class StandingJobs(NamedTuple):
    """The jobs on a machine that an earlier call rented: the one that prepares it, and the one that measures."""

    setup: int | None
    run: int | None


class Provisioner(Protocol):
    """Rents machines. A call may take minutes; each may be made from its own thread.

    All but `check` raise whatever the library raises: `failure.py` translates it into a reason and words.
    """

    def check(self) -> None:
        """Raise BenchError, with what to do, if nothing can be rented from here."""

    def launch(self, request: LaunchRequest) -> Instance:
        """Rent the machine, and begin to prepare it. Returns once it exists.

        Raises ForeignMachineError if a machine of another sweep has that name.
        """

    def cancel_launch(self, cluster: str) -> None:
        """Cancel a current or future `launch`, which then raises. Returns once it has stopped."""

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        """Start what is to be measured, with additional `envs`, and return its job."""

    def standing_jobs(self, cluster: str) -> StandingJobs:
        """The jobs that an earlier call has started on the machine."""

    def job(self, cluster: str, job: int) -> Job:
        """The state of a job. Raises if the machine exists but does not answer."""

    def taken_back(self, instance: Instance) -> str | None:
        """The cloud's statement that it took back a machine that is gone; None if it says otherwise, or nothing."""

    def log(self, cluster: str, job: int) -> Sequence[str]:
        """The last lines that the job printed."""

    def whole_log(self, cluster: str) -> Iterable[str]:
        """The complete output of the jobs on the machine, the first job first, in pieces of any length."""

    def cancel(self, cluster: str) -> None:
        """Cancel every job on the machine."""

    def records(self, cluster: str) -> Iterable[RawRecord]:
        """Every record in `~/bench-results` of the machine. Raises BenchError if they cannot be read."""

    def down(self, cluster: str) -> None:
        """Terminate the machine; does nothing if there is none. Returns once it is gone."""

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        """When the newest cluster of that name was paid for; None if none was launched since then."""

    def clusters(self) -> Sequence[ClusterStatus]:
        """Every existing machine, not only those of sweeps."""


def sweep_labels(sweep: str, store: str, identity: str | None = None) -> dict[str, str]:
    """The labels for the machines of `sweep`, whose records go to the store at the locator `store`.

    `identity` distinguishes that store from others with the same locator, on other hosts.
    """
    text = b32encode(store.encode()).decode().rstrip("=").lower()
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    labels = {SWEEP_TAG: sweep, **{f"{_STORE}{number}": part for number, part in enumerate(parts, 1)}}
    return labels | ({f"{_STORE}id": identity} if identity else {})


def is_foreign(instance: Instance | None, labels: Mapping[str, str]) -> bool:
    """Whether the labels of the machine say that it is not of the sweep with these `labels`."""
    theirs = instance.labels if instance else {}
    return any(theirs.get(name, value) != value for name, value in labels.items())


def refuse_foreign(cluster: str, instance: Instance | None, labels: Mapping[str, str]) -> None:
    """Raise ForeignMachineError for a machine of another sweep than that with these `labels`."""
    if is_foreign(instance, labels):
        raise ForeignMachineError(
            f"{cluster} was rented by another sweep, perhaps on another host or by another user of this SkyPilot API "
            "server; give this sweep another name, or wait until that one has ended; if it was yours, and its store is "
            f"deleted: bench down {cluster}"
        )


def sweep_of(instance: Instance | None) -> str | None:
    """The sweep that rented the machine; None: its labels do not say."""
    return instance.labels.get(SWEEP_TAG) if instance else None


def store_of(instance: Instance | None) -> str | None:
    """The locator of the store that the machine's records go to; None: its labels do not say."""
    text = _joined(instance.labels if instance else {}).upper()
    try:
        return b32decode(text + "=" * (-len(text) % 8)).decode() or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _joined(labels: Mapping[str, str]) -> str:
    """The parts of the store's locator, which `sweep_labels` has split."""
    names = takewhile(labels.__contains__, (f"{_STORE}{number}" for number in count(1)))
    return "".join(labels[name] for name in names)
