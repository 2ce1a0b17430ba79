"""Where each cell of a running sweep stands. Written by the cell's own thread, read by the one that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from bench.billing.cost import train_cost
from bench.cloud.sweep.cells import Cell
from bench.cloud.sweep.outcome import NEVER_HAD, Outcome
from bench.cloud.sweep.renting import Rented
from bench.record.documents import utc_now


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
    machine: Rented | None = None
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

    def had(self, machine: Rented) -> None:
        """The machine is there."""
        self.machine, self.there = machine, utc_now()

    def elapsed(self) -> timedelta:
        """How long its machine has been paid for, as far as can be seen from here."""
        return (self.ended or utc_now()) - self.began if self.began else timedelta(0)

    def dollars(self) -> Decimal | None:
        """Price x elapsed, before any billing rule; None where there may be a machine and no price is known."""
        if self.began is None or (self.machine is None and self.outcome and self.outcome.why in NEVER_HAD):
            return Decimal(0)
        return train_cost(self.elapsed().total_seconds(), self.machine.hourly if self.machine else None)
