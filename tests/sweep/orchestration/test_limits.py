"""Limits that limit: requests that hang, the budget of all calls together, cells at once, the price of an hour."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bench.record.documents import LeaseClosed, LeaseOpened, Price, new_id, utc_now
from bench.store import FolderStore
from bench.sweep.orchestration.state import Stage, StopReason
from bench.sweep.provisioning.provisioner import Instance, Job, LaunchRequest
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import closed_leases, runs_in


@pytest.mark.parametrize("where", ["launch", "job"])
def test_a_request_that_hangs_keeps_no_machine_beyond_the_bound(run_sweep: RunSweep, sweep: Sweep, where: str) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs=where))
    began = time.time()
    result, _ = run_sweep(provisioner, duration=0.3, machines=sweep.machines[:1])
    provisioner.hung.set()
    assert time.time() - began < 10
    assert result.reason is StopReason.DURATION
    assert provisioner.calls[-1] == "down bench-trial-v100"
    assert provisioner.up == {}


def test_a_launch_that_hangs_and_cannot_be_cancelled_is_named_and_its_machine_given_back(
    run_sweep: RunSweep, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    provisioner = FakeProvisioner()
    rent = provisioner.launch
    late = threading.Event()

    def launch(request: LaunchRequest) -> Instance:
        late.wait(20)
        return rent(request)

    monkeypatch.setattr(provisioner, "launch", launch)
    monkeypatch.setattr(provisioner, "cancel_launch", lambda cluster: late.wait(20))
    result, _ = run_sweep(provisioner, duration=0.2, machines=sweep.machines[:1])
    assert result.cells[0].left == "sky down bench-trial-v100"
    assert result.exit_code == 1
    assert "down bench-trial-v100" in provisioner.calls
    late.set()
    deadline = time.time() + 60
    while "launch bench-trial-v100" not in provisioner.calls or provisioner.up:
        assert time.time() < deadline, "the machine that came late is given back"
        time.sleep(0.01)


def test_max_cost_gives_a_machine_back_whose_request_hangs(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="job"))
    result, _ = run_sweep(provisioner, cost="0.0003", machines=sweep.machines[:1])
    provisioner.hung.set()
    assert result.reason is StopReason.COST
    assert provisioner.up == {}


def _lease(store: FolderStore, dollars: str, cell: str = "trial/v100") -> None:
    """A lease of an earlier call that cost so much."""
    lease_id, stopped = new_id(), utc_now()
    price = Price(amount=Decimal(dollars), currency="USD", source="test", seen=stopped.date())
    started = stopped - timedelta(hours=1)
    tags = {"bench-lease": lease_id, "bench-sweep": cell}
    store.put(LeaseOpened(id=lease_id, provider="aws", started=started, price=price, tags=tags))
    store.put(LeaseClosed(id=lease_id, stopped=stopped))


def test_max_cost_counts_what_earlier_calls_cost(run_sweep: RunSweep, store: FolderStore) -> None:
    _lease(store, "0.60")
    _lease(store, "0.45", "trial/h100-spot")  # a cell that the file names no longer
    _lease(store, "7.00", "trial-2/v100")
    provisioner = FakeProvisioner()
    result, shown = run_sweep(provisioner, cost="1.00")
    assert result.reason is StopReason.COST
    assert result.exit_code == 6
    assert not any(call.startswith("launch") for call in provisioner.calls)
    assert "1.05 USD" in shown
    assert run_sweep(provisioner, cost="1.10")[0].exit_code == 0


def test_a_lease_that_cannot_be_trusted_is_said_not_to_count(run_sweep: RunSweep, store: FolderStore) -> None:
    _lease(store, "0.60")
    opened = next(key for key in store.keys("v1/leases/") if key.endswith("opened.json"))
    path = store.root / opened
    path.write_text(path.read_text().replace('"0.60"', '"0.06"'))
    result, shown = run_sweep(FakeProvisioner(), cost="0.50")
    assert result.exit_code == 0
    assert "1 record " in shown
    assert "0 record" not in run_sweep(FakeProvisioner())[1]


def test_no_more_cells_run_at_once_than_parallel_says(run_sweep: RunSweep) -> None:
    class Counting(FakeProvisioner):
        most = 0

        def run(self, request: LaunchRequest, instance: Instance, envs: object) -> int:
            self.most = max(self.most, len(self.up))
            return super().run(request, instance, envs)  # type: ignore[arg-type]  # as it came

    provisioner = Counting()
    result, _ = run_sweep(provisioner, parallel=1)
    assert provisioner.most == 1
    assert [cell.runs for cell in result.cells] == [4, 4, 4]


def test_cells_that_wait_are_not_begun_once_the_sweep_stops(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))
    result, _ = run_sweep(provisioner, parallel=1, duration=0.3)
    assert [cell.stage for cell in result.cells] == [Stage.STOPPED] * 3
    assert not any("a100" in call for call in provisioner.calls)


def test_a_machine_above_max_hourly_cost_is_given_back_unused(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    Path(sweep.machines[0]).write_text("resources: {accelerators: V100:1, max_hourly_cost: 3.5}\nrun: true\n")
    provisioner = FakeProvisioner()
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1])
    assert result.cells[0].failure is not None
    assert all(fact in result.cells[0].failure.words for fact in ("3.60", "3.5", "v100.yaml"))
    assert not any(call.startswith("run ") for call in provisioner.calls)
    assert provisioner.up == {}
    assert [lease.reason for lease in closed_leases(store)] == ["failed"]


def test_a_spot_machine_that_is_taken_back_is_replaced_and_its_series_goes_on(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    provisioner = FakeProvisioner(v100_spot=Plot(makes=2, ends=Job.GONE, then=Plot()))
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1], pricing=("spot",), recipes=("quick",), runs=5)
    (cell,) = result.cells
    assert (cell.stage, cell.runs, cell.attempt) == (Stage.DONE, 5, 2)
    runs = runs_in(store)
    assert sorted(run.seed for run in runs) == [0, 1, 2, 3, 4]
    assert len({run.series.id for run in runs}) == 1
    assert len({lease.id for lease in closed_leases(store)}) == 2, "one lease a machine"
    assert provisioner.orders["bench-trial-v100-spot"].envs["BENCH_LEASE_ATTEMPT"] == "2"


def test_a_spot_machine_is_replaced_though_a_run_has_failed_on_it(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    provisioner = FakeProvisioner(v100_spot=Plot(makes=1, fails_with="DIVERGED", ends=Job.GONE, then=Plot()))
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1], pricing=("spot",), recipes=("quick",), runs=3)
    (cell,) = result.cells
    assert (cell.runs, cell.attempt, result.exit_code) == (3, 2, 6)
    assert cell.failure is not None
    assert cell.failure.words.startswith("1 run failed (DIVERGED)")
    assert [run.status for run in sorted(runs_in(store), key=lambda run: run.seed)] == ["failed", *["completed"] * 2]


def test_a_spot_cell_is_rented_no_more_often_than_attempts_says(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100_spot=Plot(makes=0, ends=Job.GONE))
    run_sweep(provisioner, machines=sweep.machines[:1], pricing=("spot",), attempts=2)
    assert provisioner.calls.count("launch bench-trial-v100-spot") == 2


def test_the_money_of_machines_that_were_taken_back_counts(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100_spot=Plot(makes=2, ends=Job.GONE, hourly=Decimal(3600), then=Plot(hangs="run")))
    result, _ = run_sweep(provisioner, cost="0.05", machines=sweep.machines[:1], pricing=("spot",))
    assert result.reason is StopReason.COST


def test_the_money_of_a_machine_counts_though_that_of_one_before_it_is_not_known(
    run_sweep: RunSweep, sweep: Sweep
) -> None:
    dear = Plot(hangs="run", hourly=Decimal(3600))
    provisioner = FakeProvisioner(v100_spot=Plot(makes=2, ends=Job.GONE, hourly=None, then=dear))
    result, _ = run_sweep(provisioner, cost="0.05", machines=sweep.machines[:1], pricing=("spot",))
    assert result.reason is StopReason.COST
    (cell,) = result.cells
    assert cell.dollars() is None
    assert cell.counted() >= Decimal("0.05")


def test_a_machine_knows_when_max_duration_is_over(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner()
    run_sweep(provisioner, duration=3600, machines=sweep.machines[:1])
    deadline = float(provisioner.orders["bench-trial-v100"].envs["BENCH_DEADLINE"])
    assert deadline == pytest.approx(time.time() + 3600, abs=60)


def test_a_deadline_of_the_file_stands(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner()
    run_sweep(provisioner, duration=3600, machines=sweep.machines[:1], envs={"BENCH_DEADLINE": "45m"})
    assert provisioner.orders["bench-trial-v100"].envs["BENCH_DEADLINE"] == "45m"
