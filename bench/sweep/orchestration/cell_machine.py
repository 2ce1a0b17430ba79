"""The machine of one cell: rented or taken over from an earlier call, given back; its lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bench.errors import BenchError
from bench.record.documents import time_of, utc_now
from bench.store import Store
from bench.sweep.orchestration.launch import RunIndex, given_price_of, refuse_expensive
from bench.sweep.orchestration.leases import LeasedMachine, close_lease, open_lease
from bench.sweep.orchestration.limited import Limited, Patience
from bench.sweep.orchestration.state import CellState, Stage, StopSignal, SweepStopped
from bench.sweep.provisioning import (
    ClusterStatus,
    ForeignMachineError,
    Instance,
    LaunchRequest,
    MachineEnd,
    Uptime,
    error_line,
    failure_of_error,
)
from bench.sweep.spec import SWEEP_TAG, Sweep


@dataclass(frozen=True)
class SweepContext:
    """What the cells of a running sweep share. `request` makes the launch request for a cell in its current state."""

    sweep: Sweep
    provisioner: Limited
    store: Store
    index: RunIndex
    stop: StopSignal
    patience: Patience
    request: Callable[[CellState], LaunchRequest]


class CellMachine:
    """The machine of a cell, and the cell's state; `standing` is the machine of an earlier call, if there is one.

    `state` is immutable and replaced only by the cell's thread: a reader sees the cell as it was at one moment.
    """

    def __init__(self, state: CellState, context: SweepContext, standing: ClusterStatus | None = None) -> None:
        self.state, self._context = state, context
        self._provisioner, self._cluster = context.provisioner, state.cell.cluster
        self._given_price = given_price_of(context.sweep, state.cell)
        self._request = context.request(state)
        self._begin(standing)

    def _begin(self, standing: ClusterStatus | None = None) -> None:
        """Begin with a machine about which nothing is known yet: `standing`, or one to be rented."""
        self._standing = standing
        self._began = self._last_sign = utc_now()  # the last sign of life of the machine
        self._end: MachineEnd | None = None
        self._may_have_records = False

    @contextmanager
    def provisioned(self) -> Iterator[Instance]:
        """The cell's machine. Whatever happens inside, it is given back and its lease closed.

        It is kept only if `left` is set, since records on it would be lost, or if it is another sweep's. An exception
        inside is the failure, unless the sweep stops.
        """
        foreign = False
        try:
            self._enter(Stage.PROVISIONING)
            yield self._attach() or self._launch()
        except SweepStopped:
            raise
        except Exception as error:  # SkyPilot and its clouds may raise anything
            foreign = isinstance(error, ForeignMachineError)
            if self._context.stop.reason is None:
                self._update(failure=failure_of_error(error))
            raise
        finally:
            if not (self.state.left or foreign):
                self._give_back()
            if not (self.state.left or foreign or self.state.never_provisioned):
                self._close_lease()

    def _launch(self) -> Instance:
        instance = self._provisioner.launch(self._request)
        self._adopt(instance)
        self._last_sign = utc_now()
        self._update(instance=instance)
        refuse_expensive(self._context.sweep, self.state.cell, instance)
        return instance

    def _attach(self) -> Instance | None:
        """The machine that an earlier call rented, once it answers; None if it no longer exists."""
        if self._standing is None:
            return None
        self._may_have_records = True
        if self._standing.state != "UP":
            self._standing = self._awaited(self._standing)
        standing = self._standing
        if standing is None or standing.instance is None:
            self._begin()
            return None
        instance = standing.instance
        self._update(started=standing.launched, instance=instance)
        self._adopt(instance)
        return instance

    def _awaited(self, standing: ClusterStatus) -> ClusterStatus | None:
        """The machine `standing` once it is up; None once it is gone. Until then it is `left`: it may hold records."""
        self._update(left=f"bench down {self._cluster}", started=standing.launched)

        def look() -> ClusterStatus | None:
            machine = next((each for each in self._provisioner.clusters() if each.cluster == self._cluster), None)
            if machine and (machine.state != "UP" or machine.instance is None):
                raise BenchError(
                    f"the machine of an earlier call is {machine.state}, and may hold records; "
                    f"sky start {self._cluster}, then the same command again; or bench down --discard {self._cluster}"
                )
            return machine

        machine = self._context.patience.retry(look, self._context.patience.server, self._context.stop.wait)
        self._update(left=None, started=utc_now())
        return machine

    def _adopt(self, instance: Instance) -> None:
        """Take over the lease that the machine was rented under, if an earlier call of the sweep requested it."""
        lease_id = instance.lease_label
        if lease_id is None or lease_id == self.state.lease_id:
            return
        with suppress(ValueError):
            self._began = min(self._began, time_of(lease_id))
            series = lease_id if self.state.series == self.state.lease_id else self.state.series
            self._update(lease_id=lease_id, series=series)
            self._request = self._context.request(self.state)

    def _give_back(self) -> None:
        """Terminate the machine. While that fails it is repeated, and `left` is the command that does it by hand."""
        self._enter(Stage.TEARDOWN)

        def failed(error: Exception) -> None:
            self._update(left=f"sky down {self._cluster}", left_because=error_line(error))

        try:
            self._context.patience.retry(self._terminate, self._context.patience.give_back, failed=failed)
        except Exception as error:
            self._note(f"it could not be given back: {error_line(error)}")
        else:
            self._update(left=None, left_because="")

    def _terminate(self) -> None:
        unsettled: Exception | None = None
        if self.state.instance is None:
            try:
                self._provisioner.cancel_launch(self._cluster)
            except Exception as error:  # an existing machine is terminated all the same
                unsettled = error
        self._provisioner.down(self._cluster)
        if unsettled:  # it may still rent one
            raise unsettled

    def _close_lease(self) -> None:
        """Close the lease, if there was a machine to pay for."""
        try:
            uptime = self._provisioner.uptime(self._cluster, self._began)
            if uptime is None and self.state.instance is None:
                return
            end = self._end or MachineEnd(gone=False, taken_back=None, last_sign=self._last_sign)
            close_lease(
                self._context.store,
                self._leased(),
                end.charged(uptime or Uptime(self._began, None)),
                end.close_reason(self.state.failure, stopped=self._context.stop.reason is not None),
                self._first_run(),
            )
        except Exception as error:  # the machine is gone, and the record can still be written by hand
            self._note(f"lease {self.state.lease_id} is not closed ({error_line(error)}); see `bench lease close`")

    def _open_lease(self, started: datetime) -> None:
        """Open the lease of a machine without bench: it identifies the series, even if this process is killed."""
        try:
            open_lease(self._context.store, self._leased(), started, utc_now())
        except BenchError as error:
            self._note(str(error))

    def _leased(self) -> LeasedMachine:
        state = self.state
        unknown = Instance((state.cell.cloud or "unknown").partition("/")[0], spot=state.cell.spot)
        tags = {SWEEP_TAG: state.cell.tag}
        return LeasedMachine(state.lease_id, state.instance or unknown, tags, state.attempt, self._given_price)

    def _first_run(self) -> datetime | None:
        """When the first run on this machine began, if one is recorded."""
        runs = self._context.index.runs(self.state.series)
        return min((run.anchor for run in runs if run.lease_id == self.state.lease_id), default=None)

    def _enter(self, stage: Stage) -> None:
        self.state = self.state.enter(stage)

    def _note(self, *notes: str) -> None:
        self._update(notes=tuple(dict.fromkeys(self.state.notes + notes)))

    def _update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
