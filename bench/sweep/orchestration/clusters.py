"""The machines that sweeps have rented and not given back: which they are, what they cost, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bench.billing.cost import train_cost
from bench.errors import BenchError, StoreError
from bench.record.documents import Run, utc_now
from bench.store import Store, read_each, read_leases
from bench.sweep.orchestration.launch import close_lease
from bench.sweep.orchestration.records import SWEEP_TAG, Collected, collect
from bench.sweep.provisioning.failure import short_words
from bench.sweep.provisioning.provisioner import ClusterStatus, Provisioner
from bench.variables import lease_or_series_id

PREFIX = "bench-"
_UP = "UP"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A machine that is there now. `runs` are those of it in the store; None: the store does not know it."""

    cluster: str
    state: str
    age: timedelta
    hourly: Decimal | None
    runs: int | None

    @property
    def dollars(self) -> Decimal | None:
        """Price x age, before any billing rule; None where there is no price."""
        return train_cost(self.age.total_seconds(), self.hourly)


def chosen(clusters: Iterable[ClusterStatus], name: str | None) -> list[ClusterStatus]:
    """The machines of the sweep, or with the cluster's name, that is called `name`; None: those of all sweeps."""
    if name is None:
        return [machine for machine in clusters if machine.cluster.startswith(PREFIX)]
    of_sweep = f"{PREFIX}{name}-"
    return [machine for machine in clusters if machine.cluster == name or machine.cluster.startswith(of_sweep)]


def rows(machines: Iterable[ClusterStatus], store: Store) -> tuple[list[Row], StoreError | None]:
    """A row a machine, and why their runs could not be counted, if they could not."""
    trouble, counted = None, {}
    try:
        counted = _runs_by_cluster(store)
    except StoreError as error:
        trouble = error
    now = utc_now()
    return [
        Row(
            machine.cluster,
            machine.state,
            max(now - machine.launched, timedelta(0)),
            machine.machine.hourly if machine.machine else None,
            counted.get(machine.cluster),
        )
        for machine in machines
    ], trouble


def end(machine: ClusterStatus, provisioner: Provisioner, store: Store) -> Collected:
    """Bring its records home, give it back, and close its lease.

    Raises BenchError where its records cannot be had, and then it stays; or where it cannot be given back.
    """
    cluster = machine.cluster
    done = Collected()
    try:
        if machine.state == _UP:
            provisioner.cancel(cluster)
            done = collect(provisioner.records(cluster), cluster, store)
    except Exception as error:
        raise BenchError(
            f"{cluster}: its records could not be brought home, so it stays ({short_words(error)}); "
            f"try again, or let them go: sky down {cluster}"
        ) from None
    try:
        provisioner.down(cluster)
    except Exception as error:
        raise BenchError(
            f"{cluster}: could not be given back ({short_words(error)}); try: sky down {cluster}"
        ) from None
    _close(machine, provisioner, store)
    return done


def _close(machine: ClusterStatus, provisioner: Provisioner, store: Store) -> None:
    if machine.machine is None or machine.machine.lease is None:
        return
    try:
        launch = lease_or_series_id(machine.machine.lease)
    except ValueError:  # by hand: the machine has its own
        return
    try:
        if uptime := provisioner.uptime(machine.cluster, _LONG_AGO):
            close_lease(launch, {}, machine.machine, None, uptime, "interrupted", store)
    except Exception as error:
        raise BenchError(
            f"{machine.cluster} is given back, and its lease {launch} is not closed ({short_words(error)}); "
            "see `bench lease close`"
        ) from None


def _runs_by_cluster(store: Store) -> dict[str, int]:
    """How many runs the store has from the machines that sweeps rented, by cluster."""
    clusters = {
        lease.id: f"{PREFIX}{tag.replace('/', '-', 1)}"
        for lease in read_leases(store)[0].values()
        if (tag := lease.tags.get(SWEEP_TAG))
    }
    counted = dict.fromkeys(clusters.values(), 0)
    for found in read_each(store, list(store.keys("v1/runs/"))):
        if isinstance(found, Run) and found.lease_id in clusters:
            counted[clusters[found.lease_id]] += 1
    return counted
