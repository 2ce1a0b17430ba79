"""What is rented now, and its end: records first, then the machine, then the lease."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bench.errors import BenchError, StoreError
from bench.record.documents import LeaseClosed, LeaseOpened, new_id
from bench.store import FolderStore
from bench.sweep.orchestration.clusters import end, rows, select, store_for
from bench.sweep.provisioning.provisioner import Instance, LaunchRequest, Uptime, store_of, sweep_labels
from tests.support.builders import make_run
from tests.support.fake_provisioner import FakeProvisioner, Plot


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def _rent(provisioner: FakeProvisioner, cell: str, **envs: str) -> str:
    """A machine of the sweep `trial`, with two runs on it; the id of its lease."""
    launch = new_id()
    given = {
        "BENCH_RECIPES": "quick",
        "BENCH_RUNS": "2",
        "BENCH_STORE": "",
        "BENCH_LEASE_ID": launch,
        "BENCH_SERIES_ID": launch,
        "BENCH_LEASE_TAGS": f"bench-sweep=trial/{cell}",
    }
    request = LaunchRequest(
        f"bench-trial-{cell}",
        Path("v100.yaml"),
        None,
        False,
        launch,
        given | envs,
        labels=sweep_labels("trial", "s3://bucket/the prefix"),
    )
    machine = provisioner.launch(request)
    provisioner.run(request, machine, {})
    for _ in range(2):
        provisioner.job(request.cluster, 2)
    return launch


def test_machines_are_chosen_by_sweep_or_by_name(store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    for cell in ("v100", "a100-spot"):
        _rent(provisioner, cell)
    for cell, name, labels in (
        ("x", "somebodys", {}),
        ("2-v100", "bench-trial-2-v100", sweep_labels("trial-2", "/elsewhere")),
        ("unlabelled", "bench-trial-unlabelled", {}),
    ):
        _rent(provisioner, cell)
        machine = provisioner.up[name] = provisioner.up.pop(f"bench-trial-{cell}")
        machine.instance = replace(machine.instance, labels=labels, lease_label=labels.get("bench-lease"))
        provisioner.books[name] = provisioner.books[f"bench-trial-{cell}"]
    assert [machine.cluster for machine in select(provisioner.clusters(), "trial")] == [
        "bench-trial-v100",
        "bench-trial-a100-spot",
    ]
    assert [machine.cluster for machine in select(provisioner.clusters(), "bench-trial-v100")] == ["bench-trial-v100"]
    of_file = select(provisioner.clusters(), "trial", {"bench-trial-v100", "bench-trial-unlabelled"})
    assert len(of_file) == 3, "a machine that shows no label yet is known by its cell"
    assert len(select(provisioner.clusters(), None)) == 4, "somebody else's machine is none of a sweep's"
    assert select(provisioner.clusters(), "tri") == []


def test_a_row_has_price_age_and_the_runs_in_the_store(store: FolderStore) -> None:
    provisioner = FakeProvisioner(a100=Plot(hourly=None))
    launch = _rent(provisioner, "v100")
    _rent(provisioner, "a100")
    machines, error = rows(provisioner.clusters(), store)
    assert [row.runs for row in machines] == [None, None]
    assert isinstance(error, StoreError)
    opened = provisioner.up["bench-trial-v100"].opened
    assert opened is not None
    store.put(opened)
    store.put(make_run(lease_id=launch))
    store.put(make_run())
    (v100, a100), error = rows(provisioner.clusters(), store)
    assert error is None
    assert (v100.runs, a100.runs) == (1, None)
    assert v100.hourly == Decimal("3.60")
    assert v100.dollars is not None
    assert a100.dollars is None
    assert replace(v100, state="STOPPED").dollars is None, "nobody knows since when, and it costs its disk only"
    assert replace(v100, state="INIT").dollars == v100.dollars


def test_the_end_of_a_machine(store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    launch = _rent(provisioner, "v100")
    (machine,) = provisioner.clusters()
    collected = end(machine, provisioner, store)
    assert [call.split()[0] for call in provisioner.calls][-3:] == ["cancel", "records", "down"]
    assert collected.new == 3
    closed = store.read(f"v1/leases/{launch}/closed.json")
    assert isinstance(closed, LeaseClosed)
    assert (closed.reason, closed.stopped_source) == ("interrupted", "launcher")


def test_a_lease_that_no_machine_opened_is_opened_at_the_end(store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    launch = _rent(provisioner, "v100")
    provisioner.up["bench-trial-v100"].opened = None
    end(provisioner.clusters()[0], provisioner, store)
    opened = store.read(f"v1/leases/{launch}/opened.json")
    assert isinstance(opened, LeaseOpened)
    assert opened.tags["bench-sweep"] == "trial/v100", "the sweep's budget and its series know it by that"


def test_a_lease_whose_end_the_books_do_not_tell_is_named(store: FolderStore) -> None:
    class WithoutBooks(FakeProvisioner):
        def uptime(self, cluster: str, since: datetime) -> Uptime | None:
            return None

    provisioner = WithoutBooks()
    launch = _rent(provisioner, "v100")
    (machine,) = provisioner.clusters()
    with pytest.raises(BenchError, match=f"^bench-trial-v100 .*{launch}"):
        end(machine, provisioner, store)
    assert provisioner.up == {}


def test_a_machine_that_was_launched_by_hand_closes_its_own_lease(store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    launch = _rent(provisioner, "v100")
    machine = provisioner.up["bench-trial-v100"]
    machine.instance = replace(machine.instance, lease_label="by-hand")
    end(provisioner.clusters()[0], provisioner, store)
    assert f"v1/leases/{launch}/closed.json" not in set(store.keys())


def test_a_machine_whose_records_cannot_be_had_stays(store: FolderStore) -> None:
    provisioner = FakeProvisioner(v100=Plot(records_fail=9))
    _rent(provisioner, "v100")
    with pytest.raises(BenchError, match=r"^bench-trial-v100: .*: bench down --discard bench-trial-v100$"):
        end(provisioner.clusters()[0], provisioner, store)
    assert provisioner.up


def test_what_cannot_be_given_back_is_named(store: FolderStore) -> None:
    provisioner = FakeProvisioner(v100=Plot(down_fails=9))
    _rent(provisioner, "v100")
    with pytest.raises(BenchError, match=r"^bench-trial-v100: .*the cloud says no.*: sky down bench-trial-v100$"):
        end(provisioner.clusters()[0], provisioner, store)


@pytest.mark.parametrize("state", ["INIT", "STOPPED"])
def test_a_machine_that_does_not_answer_is_given_back_only_to_discard_its_records(
    store: FolderStore, state: str
) -> None:
    provisioner = FakeProvisioner()
    _rent(provisioner, "v100")
    machine = replace(provisioner.clusters()[0], state=state)
    with pytest.raises(BenchError, match=f"{state}.*sky start bench-trial-v100.*--discard bench-trial-v100"):
        end(machine, provisioner, store)
    assert list(provisioner.up) == ["bench-trial-v100"]
    end(machine, provisioner, store, discard=True)
    assert provisioner.up == {}


def test_records_that_cannot_be_had_are_discarded_where_one_says_so(store: FolderStore) -> None:
    provisioner = FakeProvisioner(v100=Plot(records_fail=9))
    launch = _rent(provisioner, "v100")
    end(provisioner.clusters()[0], provisioner, store, discard=True)
    assert provisioner.up == {}
    assert f"v1/leases/{launch}/closed.json" in set(store.keys())


@pytest.mark.parametrize("locator", ["s3://bucket/prefix", "/home/ünïcode/results", "s3://b/" + "long/" * 40])
def test_the_store_travels_in_labels_that_every_cloud_takes(locator: str) -> None:
    labels = sweep_labels("the-claim", locator)
    assert all(re.fullmatch("[a-z0-9_-]{1,63}", word) for pair in labels.items() for word in pair)
    assert store_of(Instance("aws", labels=labels)) == locator


def test_a_machine_has_the_store_of_its_sweep(tmp_path: Path) -> None:
    provisioner = FakeProvisioner()
    _rent(provisioner, "v100")
    (machine,) = provisioner.clusters()
    assert store_for(machine, "results/local") == "s3://bucket/the prefix"
    assert machine.instance is not None
    for labels, place in (
        (sweep_labels("trial", str(tmp_path)), str(tmp_path)),
        (sweep_labels("trial", "/not/on/this/host"), "results/local"),
        ({}, "results/local"),
        ({"bench-store-1": "0"}, "results/local"),
    ):
        assert store_for(replace(machine, instance=replace(machine.instance, labels=labels)), "results/local") == place
