"""The state of a running sweep: the stage of each cell, and whether and why the sweep stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from bench.billing import train_cost
from bench.record.documents import utc_now
from bench.sweep.provisioning import NOT_PROVISIONED, Failure, Instance
from bench.sweep.spec import Cell


class Stage(Enum):
    """A stage in the life of a cell, in order; the last four are final."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    SETUP = "setup"
    RUNNING = "running"
    COLLECTING = "collecting records"
    TEARDOWN = "tearing down"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "nothing to do"

    @property
    def over(self) -> bool:
        """Whether the cell's machine is given back, or there was none."""
        return self in (Stage.DONE, Stage.FAILED, Stage.STOPPED, Stage.SKIPPED)


@dataclass(frozen=True)
class CellState:
    """One cell at one moment: `runs` of `planned` are recorded, all in the series `series`.

    `lease_id` is that of its machine; `started` and `stopped` bound the time that is paid for, as far as can be seen
    from here. `left` is the command for a machine that could not be given back, `notes` is what else the user should
    know. `attempt` counts the machines of this call, `spent` is the known USD for earlier ones, `unpriced` whether one
    of them has no known price.
    """

    cell: Cell
    planned: int
    runs: int = 0
    series: str | None = None
    lease_id: str = ""
    stage: Stage = Stage.QUEUED
    started: datetime | None = None
    stopped: datetime | None = None
    instance: Instance | None = None
    failure: Failure | None = None
    left: str | None = None
    left_because: str = ""
    attempt: int = 1
    spent: Decimal = Decimal(0)
    unpriced: bool = False
    notes: tuple[str, ...] = ()

    def enter(self, stage: Stage) -> CellState:
        """The cell after entering `stage`; its time begins with the first paid stage and ends with the last."""
        now = utc_now()
        started = now if stage is Stage.PROVISIONING else self.started
        return replace(self, stage=stage, started=started, stopped=now if stage.over and started else self.stopped)

    def elapsed(self) -> timedelta:
        """How long its machine has been paid for."""
        return (self.stopped or utc_now()) - self.started if self.started else timedelta(0)

    def dollars(self) -> Decimal | None:
        """Price x elapsed, before any billing rule; None if there may be a machine without a known price."""
        cost = self._cost()
        return None if cost is None or self.unpriced else self.spent + cost

    def counted(self) -> Decimal:
        """The part of the dollars that is known."""
        return self.spent + (self._cost() or Decimal(0))

    def _cost(self) -> Decimal | None:
        """The cost of this machine."""
        if self.started is None or self.never_provisioned:
            return Decimal(0)
        return train_cost(self.elapsed().total_seconds(), self.instance.hourly if self.instance else None)

    @property
    def never_provisioned(self) -> bool:
        """Whether no machine was available, so that nothing was paid for."""
        return self.instance is None and self.failure is not None and self.failure.reason in NOT_PROVISIONED


class StopReason(Enum):
    """Why a sweep stops early."""

    SIGNAL = "interrupted"
    COST = "max_cost is reached"
    DURATION = "max_duration is over"
    DEFECT = "an error in bench itself"


class SweepStopped(Exception):  # noqa: N818 -- a request, not an error
    """The sweep stops; raised wherever a cell waits."""


class StopSignal:
    """Whether the sweep stops. The first reason counts."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason: StopReason | None = None
        self.at: float | None = None  # seconds of the wall clock

    def set(self, reason: StopReason) -> None:
        """Stop everything. Safe in a signal handler."""
        if self.reason is None:
            self.at, self.reason = time.time(), reason
            self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait for that time. Raises SweepStopped as soon as the sweep stops."""
        if self._event.wait(seconds):
            raise SweepStopped


@dataclass(frozen=True)
class Budget:
    """USD for all cells together, and time from the first launch on. None: no bound.

    `spent` is the cost of earlier calls of the sweep, which counts against `cost`.
    """

    cost: Decimal | None = None
    duration: timedelta | None = None
    spent: Decimal = Decimal(0)

    def exceeded(self, cells: Iterable[CellState], elapsed: timedelta) -> StopReason | None:
        """Which bound is reached, if any. A machine without a known price does not count: see `uncounted`."""
        if self.cost is not None and sum((cell.counted() for cell in cells), self.spent) >= self.cost:
            return StopReason.COST
        return StopReason.DURATION if self.duration is not None and elapsed >= self.duration else None

    def uncounted(self, cells: Iterable[CellState]) -> list[CellState]:
        """The cells whose machine has no known price, so that `cost` cannot be enforced for them."""
        return [cell for cell in cells if self.cost is not None and cell.instance and cell.instance.hourly is None]
