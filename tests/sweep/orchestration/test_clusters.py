"""What is rented now, and its end: records first, then the machine, then the lease."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.documents import LeaseClosed, LeaseOpened
from bench.record.ids import new_id
from bench.store import FolderStore
from bench.sweep.orchestration.clusters import chosen, end, rows
from bench.sweep.provisioning.provisioner import Order
from tests.support.builders import make_run
from tests.support.fake_provisioner import FakeRenting, Plot


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def _rent(renting: FakeRenting, cell: str, **envs: str) -> str:
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
    order = Order(f"bench-trial-{cell}", Path("v100.yaml"), None, False, given | envs, labels={"bench-lease": launch})
    machine = renting.launch(order)
    renting.run(order, machine, {})
    for _ in range(2):
        renting.job(order.cluster, 2)
    return launch


def test_machines_are_chosen_by_sweep_or_by_name(store: FolderStore) -> None:
    renting = FakeRenting()
    for cell in ("v100", "a100-spot"):
        _rent(renting, cell)
    _rent(renting, "x")
    renting.up["somebodys"] = renting.up.pop("bench-trial-x")
    renting.books["somebodys"] = renting.books["bench-trial-x"]
    assert [found.cluster for found in chosen(renting.standing(), "trial")] == [
        "bench-trial-v100",
        "bench-trial-a100-spot",
    ]
    assert [found.cluster for found in chosen(renting.standing(), "bench-trial-v100")] == ["bench-trial-v100"]
    assert len(chosen(renting.standing(), None)) == 2, "somebody else's machine is none of a sweep's"
    assert chosen(renting.standing(), "tri") == []


def test_a_row_has_price_age_and_the_runs_in_the_store(store: FolderStore) -> None:
    renting = FakeRenting(a100=Plot(hourly=None))
    launch = _rent(renting, "v100")
    _rent(renting, "a100")
    found, trouble = rows(renting.standing(), store)
    assert [row.runs for row in found] == [None, None]
    assert "no such folder" in str(trouble)
    opened = renting.up["bench-trial-v100"].opened
    assert opened is not None
    store.put(opened)
    store.put(make_run(lease_id=launch))
    store.put(make_run())
    (v100, a100), trouble = rows(renting.standing(), store)
    assert trouble is None
    assert (v100.runs, a100.runs) == (1, None)
    assert v100.hourly == Decimal("3.60")
    assert v100.dollars is not None
    assert a100.dollars is None


def test_the_end_of_a_machine(store: FolderStore) -> None:
    renting = FakeRenting()
    launch = _rent(renting, "v100")
    (machine,) = renting.standing()
    done = end(machine, renting, store)
    assert [call.split()[0] for call in renting.calls][-3:] == ["cancel", "records", "down"]
    assert done.new == 3
    closed = store.read(f"v1/leases/{launch}/closed.json")
    assert isinstance(closed, LeaseClosed)
    assert (closed.reason, closed.stopped_source) == ("interrupted", "launcher")


def test_a_lease_that_no_machine_opened_is_opened_at_the_end(store: FolderStore) -> None:
    renting = FakeRenting()
    launch = _rent(renting, "v100")
    renting.up["bench-trial-v100"].opened = None
    end(renting.standing()[0], renting, store)
    assert isinstance(store.read(f"v1/leases/{launch}/opened.json"), LeaseOpened)


def test_a_machine_that_was_launched_by_hand_closes_its_own_lease(store: FolderStore) -> None:
    renting = FakeRenting()
    launch = _rent(renting, "v100")
    machine = renting.up["bench-trial-v100"]
    machine.rented = replace(machine.rented, lease="by-hand")
    end(renting.standing()[0], renting, store)
    assert f"v1/leases/{launch}/closed.json" not in set(store.keys())


def test_a_machine_whose_records_cannot_be_had_stays(store: FolderStore) -> None:
    renting = FakeRenting(v100=Plot(records_fail=9))
    _rent(renting, "v100")
    with pytest.raises(BenchError, match=r"could not be brought home, so it stays .*let them go: sky down bench-trial"):
        end(renting.standing()[0], renting, store)
    assert renting.up


def test_what_cannot_be_given_back_is_named(store: FolderStore) -> None:
    renting = FakeRenting(v100=Plot(down_fails=9))
    _rent(renting, "v100")
    with pytest.raises(BenchError, match=r"could not be given back \(the cloud says no\); try: sky down bench-trial"):
        end(renting.standing()[0], renting, store)
