"""Where each cell of a running sweep stands. Written by the cell's own thread, read by the one that shows it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from bench.billing.cost import train_cost
from bench.record.documents import utc_now
from bench.sweep.provisioning.failure import NOT_PROVISIONED, Outcome
from bench.sweep.provisioning.provisioner import Instance
from bench.sweep.spec import Cell


class Stage(Enum):
    """A step in the life of a cell, in its order; the last four are ends."""

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
        """Whether the cell's machine is given back, or was never had."""
        return self in (Stage.DONE, Stage.FAILED, Stage.STOPPED, Stage.SKIPPED)


@dataclass
class CellState:
    """One cell. `runs` of `planned` are recorded; its machine is `there` since then.

    `left` is the command for a machine that could not be given back, `notes` is what else a person should know.
    """

    cell: Cell
    planned: int
    runs: int = 0
    stage: Stage = Stage.QUEUED
    began: datetime | None = None
    ended: datetime | None = None
    machine: Instance | None = None
    there: datetime | None = None
    outcome: Outcome | None = None
    left: str | None = None
    notes: list[str] = field(default_factory=list)

    def enter(self, stage: Stage) -> None:
        """The cell goes on to `stage`; its time begins with the first that is paid for, and ends with the last."""
        now = utc_now()
        if stage is Stage.PROVISIONING:
            self.began = now
        if stage.over and self.began:
            self.ended = now
        self.stage = stage

    def had(self, machine: Instance) -> None:
        """The machine is there."""
        self.machine, self.there = machine, utc_now()

    def elapsed(self) -> timedelta:
        """How long its machine has been paid for, as far as can be seen from here."""
        return (self.ended or utc_now()) - self.began if self.began else timedelta(0)

    def dollars(self) -> Decimal | None:
        """Price x elapsed, before any billing rule; None where there may be a machine and no price is known."""
        if self.began is None or (self.machine is None and self.outcome and self.outcome.why in NOT_PROVISIONED):
            return Decimal(0)
        return train_cost(self.elapsed().total_seconds(), self.machine.hourly if self.machine else None)


class StopReason(Enum):
    """Why a sweep stops early."""

    SIGNAL = "interrupted"
    COST = "max_cost is reached"
    DURATION = "max_duration is over"
    DEFECT = "an error in bench itself"


class SweepStopped(Exception):  # noqa: N818 -- somebody's wish, not an error
    """The sweep stops; raised where a cell waits."""


class StopSignal:
    """Whether the sweep stops. The first reason stands."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.because: StopReason | None = None

    def ask(self, because: StopReason) -> None:
        """Stop everything. Safe in a signal handler."""
        if self.because is None:
            self.because = because
            self._asked.set()

    def wait(self, seconds: float) -> None:
        """Wait for so long. Raises Stopped as soon as the sweep stops."""
        if self._asked.wait(seconds):
            raise SweepStopped


@dataclass(frozen=True)
class Budget:
    """USD for all cells together, and time from the first launch on. None: no bound."""

    cost: Decimal | None = None
    duration: timedelta | None = None

    def reached(self, cells: Iterable[CellState], elapsed: timedelta) -> StopReason | None:
        """Which bound is reached, if one is. A machine without a known price counts as nothing: see `uncounted`."""
        if self.cost is not None and spent(cells) >= self.cost:
            return StopReason.COST
        return StopReason.DURATION if self.duration is not None and elapsed >= self.duration else None

    def uncounted(self, cells: Iterable[CellState]) -> list[CellState]:
        """The cells whose machine has no known price, so that `cost` cannot be held for them."""
        return [cell for cell in cells if self.cost is not None and cell.machine and cell.machine.hourly is None]


def spent(cells: Iterable[CellState]) -> Decimal:
    """Dollars so far of all cells whose dollars are known."""
    return sum((cell.dollars() or Decimal(0) for cell in cells), Decimal(0))
