"""The machine of one cell: requested, rented or taken over from an earlier call, given back; its lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from bench import variables
from bench.errors import BenchError
from bench.record.documents import time_of, utc_now
from bench.store import Store
from bench.sweep.orchestration.limited import Limited, Patience
from bench.sweep.orchestration.records import RunIndex, close_lease
from bench.sweep.orchestration.state import CellState, Stage, StopSignal, SweepStopped
from bench.sweep.provisioning.failure import MachineEnd, error_line, failure_of_error
from bench.sweep.provisioning.provisioner import ClusterStatus, Instance, LaunchRequest, sweep_labels
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep
from bench.sweep.task_file import task_of

# Where an S3 that is not AWS's is; what these hold is no secret.
_PASSED_ON = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


def launch_request(
    sweep: Sweep,
    state: CellState,
    store: str,
    locator: str,
    environ: Mapping[str, str],
    records: Path | None,
    deadline: datetime | None = None,
) -> LaunchRequest:
    """What is asked for `state`'s cell. `store` is s3://…, or empty: the records stay on the machine.

    `locator` is the store of the sweep, as it travels with the machine; at `deadline` it ends its job by itself,
    whatever has become of the sweep, unless the sweep's file says otherwise.

    `records` is a folder of earlier records that go to the machine. Raises StoreError where the machine would have no
    credentials for the store.
    """
    from bench.store.s3_client import store_credentials  # boto3 is for those who name a bucket

    program = sweep.program_words(sweep.runs, state.runs, deadline)
    what = {} if program else {variables.RECIPES.name: " ".join(sweep.recipes), variables.RUNS.name: str(sweep.runs)}
    envs = {
        **({variables.DEADLINE.name: str(ceil(deadline.timestamp()))} if deadline else {}),
        **sweep.envs,
        **what,
        variables.STORE.name: store,
        variables.LEASE_ID.name: state.lease_id,
        variables.SERIES_ID.name: state.series or state.lease_id,
        variables.LEASE_TAGS.name: f"{SWEEP_TAG}={state.cell.tag}",
    }
    if state.attempt > 1:
        envs[variables.LEASE_ATTEMPT.name] = str(state.attempt)
    if store:
        envs |= {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    return LaunchRequest(
        cluster=state.cell.cluster,
        task=state.cell.task,
        cloud=state.cell.cloud,
        spot=state.cell.spot,
        lease_id=state.lease_id,
        envs=envs,
        secrets=store_credentials(store) if store else {},
        records=records,
        accelerators=str(state.cell.accelerators) if state.cell.accelerators else None,
        labels=sweep_labels(sweep.name, locator),
        program=program,
    )


def machine_environment(instance: Instance, started: datetime | None) -> dict[str, str]:
    """What SkyPilot knows of the machine, and does not tell it, as variables."""
    values: dict[variables.Variable[Any], str] = {variables.SPOT: "1"} if instance.spot else {}
    if instance.price:
        # Without a price of its own, the type is looked up in the price book, which does not hold all.
        price = instance.price
        values |= {variables.PRICE_PER_HOUR: f"{price.amount:f}", variables.PRICE_SOURCE: price.source}
        if instance.instance_type:
            values[variables.INSTANCE] = f"{instance.provider}:{instance.instance_type}"
    if instance.accelerators:
        values[variables.ACCELERATORS] = str(instance.accelerators)
    if instance.resource_id:
        values[variables.RESOURCE_ID] = instance.resource_id
    if started:
        values[variables.LEASE_STARTED] = started.isoformat()
    return {variable.name: value for variable, value in values.items()}


def refuse_expensive(sweep: Sweep, cell: Cell, instance: Instance) -> None:
    """Raise BenchError for a machine that costs more than the max_hourly_cost of its task file.

    SkyPilot compares it, on Google, with the price of the machine without its GPU.
    """
    requests = task_of(cell, sweep.envs, sweep.recipes).requests
    fitting = [each.at_most for each in requests if each.provider in (None, instance.provider)]
    caps = [cap for cap in fitting if cap is not None]
    if instance.price is None or not caps or len(caps) < len(fitting):
        return
    if instance.price.amount > max(caps):
        raise BenchError(
            f"{instance.provider} rented it at {instance.price.amount} USD/h, and max_hourly_cost of {cell.task} is "
            f"{max(caps)}; it is given back"
        )


@dataclass(frozen=True)
class SweepContext:
    """What the cells of a running sweep share. `request` makes the launch of a cell as it stands."""

    sweep: Sweep
    provisioner: Limited
    store: Store
    index: RunIndex
    stop: StopSignal
    patience: Patience
    request: Callable[[CellState], LaunchRequest]


class CellMachine:
    """The machine of a cell, and the cell's state; on `standing`, a machine of an earlier call, where there is one.

    `state` is immutable and only the cell's thread replaces it: whoever reads it sees the cell as it was at one moment.
    """

    def __init__(self, state: CellState, context: SweepContext, standing: ClusterStatus | None = None) -> None:
        self.state, self._context, self._standing = state, context, standing
        self._provisioner, self._cluster = context.provisioner, state.cell.cluster
        self._request = context.request(state)
        self._begin()

    def _begin(self) -> None:
        """Begin with a machine of which nothing is known yet."""
        self._began = self._last_sign = utc_now()  # the last sign of life of the machine
        self._end: MachineEnd | None = None
        self._may_have_records = False

    @contextmanager
    def provisioned(self) -> Iterator[Instance]:
        """The cell's machine. Whatever happens inside, it is given back and its lease closed.

        It stays only where `left` says so, as records on it would go with it. What is raised is the failure, unless
        the sweep stops.
        """
        try:
            self._enter(Stage.PROVISIONING)
            yield self._attach() or self._launch()
        except SweepStopped:
            raise
        except Exception as error:  # SkyPilot and its clouds raise what they like
            if self._context.stop.reason is None:
                self._update(failure=failure_of_error(error))
            raise
        finally:
            if not self.state.left:
                self._give_back()
            if not self.state.left and not self.state.never_provisioned:
                self._close_lease()

    def _launch(self) -> Instance:
        instance = self._provisioner.launch(self._request)
        self._adopt(instance)
        self._last_sign = utc_now()
        self._update(instance=instance)
        refuse_expensive(self._context.sweep, self.state.cell, instance)
        return instance

    def _attach(self) -> Instance | None:
        """The machine that an earlier call rented, once it answers; None where there is none any more."""
        if self._standing is None:
            return None
        self._may_have_records = True
        if self._standing.state != "UP":
            self._standing = self._awaited(self._standing)
        if self._standing is None or self._standing.instance is None:
            self._may_have_records = False
            return None
        self._update(started=self._standing.launched, instance=self._standing.instance)
        self._adopt(self._standing.instance)
        return self._standing.instance

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
        """Take over the lease that the machine was rented under, where an earlier call of the sweep asked for it."""
        lease_id = instance.lease_label
        if lease_id is None or lease_id == self.state.lease_id:
            return
        with suppress(ValueError):
            self._began = min(self._began, time_of(lease_id))
            series = lease_id if self.state.series == self.state.lease_id else self.state.series
            self._update(lease_id=lease_id, series=series)
            self._request = self._context.request(self.state)

    def _give_back(self) -> None:
        """Terminate the machine. While that fails `left` is the command for it, and it is tried again."""
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
            except Exception as error:  # what is there goes all the same
                unsettled = error
        self._provisioner.down(self._cluster)
        if unsettled:  # it may still rent one
            raise unsettled

    def _close_lease(self) -> None:
        """Close the lease, if there was a machine to pay for."""
        state = self.state
        unknown = Instance((state.cell.cloud or "unknown").partition("/")[0], spot=state.cell.spot)
        try:
            if uptime := self._provisioner.uptime(self._cluster, self._began):
                end = self._end or MachineEnd(gone=False, taken_back=None, last_sign=self._last_sign)
                close_lease(
                    self._context.store,
                    state.lease_id,
                    state.instance or unknown,
                    end.charged(uptime),
                    end.close_reason(state.failure, stopped=self._context.stop.reason is not None),
                    {SWEEP_TAG: state.cell.tag},
                    self._first_run(),
                )
        except Exception as error:  # the machine is gone, and the record can still be made by hand
            self._note(f"lease {state.lease_id} is not closed ({error_line(error)}); see `bench lease close`")

    def _first_run(self) -> datetime | None:
        """When the first run on this machine began, where one is recorded."""
        runs = self._context.index.runs(self.state.series)
        return min((run.anchor for run in runs if run.lease_id == self.state.lease_id), default=None)

    def _enter(self, stage: Stage) -> None:
        self.state = self.state.enter(stage)

    def _note(self, *notes: str) -> None:
        self._update(notes=tuple(dict.fromkeys(self.state.notes + notes)))

    def _update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
