"""The machines that sweeps have rented and not given back: listing them, their cost, and giving them back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from bench.billing import train_cost
from bench.errors import BenchError, StoreError
from bench.record.documents import Run, lease_key, time_of, utc_now
from bench.store import (
    LEASES,
    RUNS,
    Collected,
    DamagedLine,
    FolderStore,
    RawRecord,
    Store,
    counting_collector,
    read_each,
    read_leases,
    read_log_text,
)
from bench.sweep.orchestration.leases import LeasedMachine, close_lease
from bench.sweep.provisioning import ClusterStatus, Instance, Provisioner, Uptime, error_line, store_of, sweep_of
from bench.sweep.spec import CLUSTER_PREFIX, SWEEP_TAG, cluster_of

_UP, _STOPPED = "UP", "STOPPED"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A machine that exists now. `runs` are those of it in the store; None: the store does not know it."""

    cluster: str
    state: str
    age: timedelta
    hourly: Decimal | None
    runs: int | None

    @property
    def dollars(self) -> Decimal | None:
        """Price x age, before any billing rule; None without a price, and for a machine that was stopped."""
        return None if self.state == _STOPPED else train_cost(self.age.total_seconds(), self.hourly)


def select(clusters: Iterable[ClusterStatus], name: str | None, cells: Collection[str] = ()) -> list[ClusterStatus]:
    """The machines of the sweep `name`, or the machine of that name; None: all that bench rented.

    A sweep is identified by its label, since the names of `the-claim-2` begin like those of `the-claim`. A machine
    without labels, such as one being provisioned, belongs to the sweep whose `cells`, names of clusters, contain it.
    """
    if name is None:
        return [machine for machine in clusters if machine.cluster.startswith(CLUSTER_PREFIX) or _lease_label(machine)]
    return [
        machine
        for machine in clusters
        if machine.cluster == name
        or sweep_of(machine.instance) == name
        or (sweep_of(machine.instance) is None and machine.cluster in cells)
    ]


def _lease_label(machine: ClusterStatus) -> str | None:
    return machine.instance.lease_label if machine.instance else None


def store_for(machine: ClusterStatus, default: str) -> str:
    """The store of the sweep that rented the machine, if it can be reached from here; otherwise `default`."""
    own = store_of(machine.instance)
    return own if own and (own.startswith("s3://") or Path(own).is_dir()) else default


def rows(machines: Iterable[ClusterStatus], store: Store) -> tuple[list[Row], StoreError | None]:
    """A row per machine, and why their runs could not be counted, if so."""
    error, runs = None, {}
    try:
        runs = _runs_by_cluster(store)
    except StoreError as raised:
        error = raised
    now = utc_now()
    found = [
        Row(
            machine.cluster,
            machine.state,
            max(now - machine.launched, timedelta(0)),
            machine.instance.hourly if machine.instance else None,
            runs.get(machine.cluster),
        )
        for machine in machines
    ]
    return found, error


def open_clusters(store: Store, name: str | None) -> list[str]:
    """The machines of the sweep `name`, or the machine of that name, whose leases are open in `store`.

    None: those of all sweeps. Raises StoreError if the store cannot be read; a folder that does not exist has none.
    """
    with suppress(OSError):  # which the listing explains better
        if isinstance(store, FolderStore) and not store.root.exists():
            return []
    keys = set(store.keys(LEASES))
    return [
        cluster_of(tag)
        for lease_id, tag in _sweep_tags(store).items()
        if lease_key(lease_id, "closed") not in keys and name in (None, tag.partition("/")[0], cluster_of(tag))
    ]


class MachineRecords(NamedTuple):
    """What was collected from a machine, and why its log or its folder could not be read."""

    collected: Collected
    log_error: Exception | None
    folder_error: Exception | None


def collect_records(cluster: str, provisioner: Provisioner, store: Store) -> MachineRecords:
    """Put into `store` the records that the machine's jobs have printed, and those in its folder.

    Raises StoreError if the store does not accept them.
    """
    collector = counting_collector(store)

    def add(read: Callable[[], Iterable[RawRecord | DamagedLine]], source: str) -> Exception | None:
        try:
            records = list(read())
        except Exception as error:  # SkyPilot and its clouds may raise anything
            return error
        collector.add(records, source)
        return None

    log_error = add(lambda: read_log_text(provisioner.whole_log(cluster)), f"the log of {cluster}")
    folder_error = add(lambda: provisioner.records(cluster), f"{cluster}:bench-results")
    return MachineRecords(collector.result(), log_error, folder_error)


def end(machine: ClusterStatus, provisioner: Provisioner, store: Store, *, discard: bool = False) -> Collected:
    """Collect its records, give it back, and close its lease.

    Raises BenchError if its records cannot be collected, and keeps it then, unless they are to be discarded; or if it
    cannot be given back.
    """
    cluster = machine.cluster
    collected = Collected()
    if machine.state != _UP and not discard:
        raise BenchError(
            f"{cluster}: is {machine.state}, so what it holds cannot be collected, and would go with it; "
            f"sky start {cluster}, then the same command again; or, without its records: bench down --discard {cluster}"
        )
    try:
        if machine.state == _UP:
            provisioner.cancel(cluster)
            collected, _, folder_error = collect_records(cluster, provisioner, store)
            if folder_error:
                raise folder_error
    except Exception as error:
        if not discard:
            raise BenchError(
                f"{cluster}: its records could not be collected, so it stays ({error_line(error)}); "
                f"try again, or let them go: bench down --discard {cluster}"
            ) from None
    try:
        provisioner.down(cluster)
    except Exception as error:
        raise BenchError(f"{cluster}: could not be given back ({error_line(error)}); try: sky down {cluster}") from None
    _close(machine, provisioner, store)
    return collected


def _close(machine: ClusterStatus, provisioner: Provisioner, store: Store) -> None:
    """Close its lease, unless it was launched by hand: then the machine closes it."""
    lease_id = _lease_id(machine.instance)
    if machine.instance is None or lease_id is None:
        return
    try:
        uptime = provisioner.uptime(machine.cluster, _LONG_AGO) or Uptime(machine.launched, None)
        close_lease(store, LeasedMachine(lease_id, machine.instance, _tags(machine)), uptime, "interrupted")
    except Exception as error:
        raise BenchError(
            f"{machine.cluster} is given back, and its lease {lease_id} is not closed ({error_line(error)}); "
            "see `bench lease close`"
        ) from None


def _tags(machine: ClusterStatus) -> dict[str, str]:
    """The tags of the lease of a sweep's machine, which name its cell."""
    sweep = sweep_of(machine.instance)
    return {SWEEP_TAG: f"{sweep}/{machine.cluster.removeprefix(cluster_of(f'{sweep}/'))}"} if sweep else {}


def _lease_id(instance: Instance | None) -> str | None:
    """The lease named by the machine's label, if any."""
    if instance is None or instance.lease_label is None:
        return None
    try:
        time_of(instance.lease_label)
    except ValueError:
        return None
    return instance.lease_label


def _runs_by_cluster(store: Store) -> dict[str, int]:
    """The number of runs in the store from machines that sweeps rented, by cluster."""
    clusters = {lease_id: cluster_of(tag) for lease_id, tag in _sweep_tags(store).items()}
    counts = dict.fromkeys(clusters.values(), 0)
    for run in read_each(store, list(store.keys(RUNS))):
        if isinstance(run, Run) and run.lease_id in clusters:
            counts[clusters[run.lease_id]] += 1
    return counts


def _sweep_tags(store: Store) -> dict[str, str]:
    """The tags `<sweep>/<cell>` of the leases of sweeps, by their ids."""
    leases = read_leases(store)[0].values()
    return {lease.id: tag for lease in leases if (tag := lease.tags.get(SWEEP_TAG))}
