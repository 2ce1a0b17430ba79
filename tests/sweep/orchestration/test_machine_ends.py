"""What ended a machine: preempted only by evidence, else lost, and charged to its last sign of life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bench.billing.estimate import lease_cost
from bench.record.documents import Accelerators, LeaseClosed, LeaseOpened, utc_now
from bench.store import FolderStore
from bench.sweep.orchestration.leases import LeasedMachine, close_lease
from bench.sweep.orchestration.state import CellState
from bench.sweep.provisioning.failure import Failure, MachineEnd
from bench.sweep.provisioning.provisioner import Instance, Job, Uptime
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import closed_leases

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LEASE = "019aab8c-6c00-7000-8000-000000000000"
RunSpot = Callable[[Plot], CellState]


@pytest.fixture
def run_spot(run_sweep: RunSweep, sweep: Sweep) -> RunSpot:
    """Run one spot cell of four runs on a machine with this plot; the cell as it ended."""

    def run(plot: Plot) -> CellState:
        result, _ = run_sweep(
            FakeProvisioner(v100_spot=plot), machines=sweep.machines[:1], pricing=("spot",), attempts=1
        )
        (cell,) = result.cells
        return cell

    return run


def _reason(cell: CellState) -> str | None:
    return cell.failure.reason if cell.failure else None


def _only_lease(store: FolderStore) -> LeaseClosed:
    (closed,) = closed_leases(store)
    return closed


@pytest.mark.parametrize(
    ("plot", "reason", "closed"),
    [
        (Plot(ends=Job.GONE, makes=1), "LOST", "lost"),
        (Plot(ends=Job.GONE, makes=1, taken_back="EC2 says Server.SpotInstanceTermination"), "PREEMPTED", "preempted"),
        (Plot(ends=Job.GONE, makes=1, noticed=True), "PREEMPTED", "preempted"),
        (Plot(ends=Job.GONE, makes=1, taken_back=ConnectionError("no route")), "LOST", "lost"),
        # With the notice its job ends, and it is given back from here: that is paid for.
        (Plot(ends=Job.FAILED, makes=1, noticed=True), "PREEMPTED", "interrupted"),
    ],
)
def test_a_spot_machine_was_preempted_only_by_evidence(
    run_spot: RunSpot, store: FolderStore, plot: Plot, reason: str, closed: str
) -> None:
    cell = run_spot(plot)
    assert (_reason(cell), _only_lease(store).reason) == (reason, closed)
    assert any("no route" in note for note in cell.notes) == isinstance(plot.taken_back, Exception)


@pytest.mark.parametrize("taken_back", [None, "EC2 says so"])
def test_a_cell_with_all_its_runs_is_done_however_its_machine_ended(
    run_spot: RunSpot, store: FolderStore, taken_back: str | None
) -> None:
    cell = run_spot(Plot(ends=Job.GONE, taken_back=taken_back))
    assert (cell.failure, cell.runs) == (None, 4)
    assert _only_lease(store).reason == ("preempted" if taken_back else "lost")


def test_a_machine_on_demand_is_never_preempted(run_sweep: RunSweep, sweep: Sweep, store: FolderStore) -> None:
    provisioner = FakeProvisioner(v100=Plot(ends=Job.GONE, makes=1, taken_back="EC2 says so"))
    run_sweep(provisioner, machines=sweep.machines[:1])
    assert _only_lease(store).reason == "lost"
    assert "taken_back" not in provisioner.calls


@pytest.mark.parametrize(("provider", "launches"), [("slurm", 2), ("kubernetes", 2), ("aws", 1)])
def test_a_node_of_ones_own_cluster_that_goes_is_replaced(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore, provider: str, launches: int
) -> None:
    """There any job may give way to one of more weight; a bought machine on demand does not go without a reason."""
    gone = Plot(ends=Job.GONE, makes=1, provider=provider, then=Plot(provider=provider))
    provisioner = FakeProvisioner(v100=gone)
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1])
    assert provisioner.calls.count("launch bench-trial-v100") == launches
    assert [lease.reason for lease in closed_leases(store)] == ["lost", "finished"][:launches]
    assert (result.cells[0].runs == 4) == (launches == 2)


def test_a_lost_machine_is_charged_to_its_last_sign_of_life() -> None:
    missed = Uptime(NOON, NOON + timedelta(hours=9))  # the laptop slept
    end = MachineEnd(gone=True, taken_back=None, last_sign=NOON + timedelta(minutes=50))
    assert end.charged(missed) == (NOON, NOON + timedelta(minutes=50))
    given_back = MachineEnd(gone=False, taken_back=None, last_sign=NOON)
    assert given_back.charged(missed) == missed
    assert given_back.close_reason(Failure("ERROR", ""), stopped=False) == "failed"


def test_fifty_minutes_of_a_lost_spot_machine_are_not_free(store: FolderStore) -> None:
    end = MachineEnd(gone=True, taken_back=None, last_sign=NOON + timedelta(minutes=50))
    instance = Instance("aws", "us-east-1", instance_type="p3.2xlarge", spot=True, hourly=Decimal("0.48"))
    close_lease(
        store, LeasedMachine(LEASE, instance), end.charged(Uptime(NOON, None)), end.close_reason(None, stopped=False)
    )
    opened, closed = store.read(f"v1/leases/{LEASE}/opened.json"), store.read(f"v1/leases/{LEASE}/closed.json")
    assert isinstance(opened, LeaseOpened)
    assert isinstance(closed, LeaseClosed)
    assert lease_cost(opened, closed).amount == Decimal("0.40")


def test_the_lease_of_several_nodes_is_of_all(store: FolderStore) -> None:
    instance = Instance("aws", accelerators=Accelerators(name="H100", count=8), nodes=2, hourly=Decimal("7.20"))
    close_lease(store, LeasedMachine(LEASE, instance), Uptime(NOON, NOON + timedelta(minutes=10)), "finished")
    opened = store.read(f"v1/leases/{LEASE}/opened.json")
    assert isinstance(opened, LeaseOpened)
    assert opened.price is not None
    assert (opened.price.amount, str(opened.accelerators)) == (Decimal("7.20"), "H100:16")
    assert opened.tags["bench-nodes"] == "2"


def test_a_machine_that_stays_silent_keeps_its_records(run_sweep: RunSweep) -> None:
    """One whose log and folder cannot be read may hold runs that nobody has seen: it stays, and is named."""

    class Silent(FakeProvisioner):
        def whole_log(self, cluster: str) -> list[str]:
            raise ConnectionError("INIT")

    provisioner = Silent(v100=Plot(makes=0, hangs="run", records_fail=99))
    provisioner.job = lambda cluster, job: _answer(job)  # type: ignore[method-assign]  # one answer, then none
    result, _ = run_sweep(provisioner)
    assert result.cells[0].left == "bench collect bench-trial-v100 && bench down bench-trial-v100"
    assert "bench-trial-v100" in provisioner.up


def _answer(job: int) -> Job:
    if job == 1:
        return Job.DONE
    raise ConnectionError("the cluster is INIT")


@pytest.mark.parametrize(("after", "charged"), [(60, 540), (None, 600)])
def test_a_failed_setup_is_charged_from_running(store: FolderStore, after: int | None, charged: int) -> None:
    running = NOON + timedelta(seconds=after) if after else None
    instance = Instance("aws", "us-east-1", hourly=Decimal("3.60"), running=running)
    close_lease(store, LeasedMachine(LEASE, instance), Uptime(NOON, NOON + timedelta(minutes=10)), "failed")
    opened, closed = store.read(f"v1/leases/{LEASE}/opened.json"), store.read(f"v1/leases/{LEASE}/closed.json")
    assert isinstance(opened, LeaseOpened)
    assert isinstance(closed, LeaseClosed)
    assert lease_cost(opened, closed).billed_seconds == charged


def test_the_setup_of_a_cell_begins_when_its_machine_ran(run_sweep: RunSweep, sweep: Sweep, store: FolderStore) -> None:
    provisioner = FakeProvisioner(v100=Plot(setup_ends=Job.FAILED, running=utc_now()))
    run_sweep(provisioner, machines=sweep.machines[:1])
    opened = store.read(f"v1/leases/{_only_lease(store).id}/opened.json")
    assert isinstance(opened, LeaseOpened)
    assert [phase.name for phase in opened.phases] == ["setup"]  # it ran before the launch was even asked for


@pytest.mark.parametrize("lost", [True, False])
def test_a_lease_whose_end_the_books_do_not_tell_is_closed_by_its_last_sign_or_named(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore, lost: bool
) -> None:
    class WithoutBooks(FakeProvisioner):
        def uptime(self, cluster: str, since: datetime) -> Uptime | None:
            return None

    provisioner = WithoutBooks(v100=Plot(ends=Job.GONE, makes=1) if lost else Plot())
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1])
    (opened,) = (key.split("/")[2] for key in store.keys("v1/leases/") if key.endswith("opened.json"))
    assert [lease.id for lease in closed_leases(store)] == [opened] * lost
    assert any(opened in note for note in result.cells[0].notes) != lost
