"""A sweep called again while machines of an earlier call stand: they are taken over, and none is rented twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.documents import LeaseClosed, LeaseOpened, Run, new_id
from bench.store import FolderStore
from bench.store.base import read_all
from bench.sweep.orchestration.state import Stage
from bench.sweep.provisioning.provisioner import (
    ClusterStatus,
    ForeignMachineError,
    Job,
    LaunchRequest,
    Uptime,
    sweep_labels,
)
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import closed_leases, runs_in


@pytest.fixture
def one(sweep: Sweep) -> dict[str, object]:
    """Changes that leave one cell of four runs."""
    return {"machines": sweep.machines[:1], "recipes": ("quick",), "runs": 4}


def _killed(provisioner: FakeProvisioner, runs: int | None, *, spot: bool = False) -> str:
    """A machine as a sweep leaves it that is killed: with so many runs, None: before its job began. Its lease."""
    lease_id, cell = new_id(), "v100-spot" if spot else "v100"
    envs = {
        "BENCH_RECIPES": "quick",
        "BENCH_RUNS": "4",
        "BENCH_STORE": "",
        "BENCH_LEASE_ID": lease_id,
        "BENCH_SERIES_ID": lease_id,
        "BENCH_LEASE_TAGS": f"bench-sweep=trial/{cell}",
    }
    request = LaunchRequest(f"bench-trial-{cell}", Path("v100.yaml"), None, spot=spot, lease_id=lease_id, envs=envs)
    instance = provisioner.launch(request)
    if runs is not None:
        provisioner.run(request, instance, {})
        for _ in range(runs):
            provisioner.job(request.cluster, 2)
    return lease_id


@pytest.mark.parametrize("runs", [None, 0, 2, 4])
def test_the_machine_of_a_sweep_that_was_killed_is_taken_over(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object], runs: int | None
) -> None:
    provisioner = FakeProvisioner()
    lease_id = _killed(provisioner, runs)
    result, _ = run_sweep(provisioner, **one)
    assert provisioner.calls.count("launch bench-trial-v100") == 1
    assert provisioner.calls.count("run bench-trial-v100") == 1
    assert provisioner.up == {}
    assert (result.cells[0].stage, result.cells[0].runs) == (Stage.DONE, 4)
    assert sorted(run.seed for run in runs_in(store)) == [0, 1, 2, 3]
    assert {run.series.id for run in runs_in(store)} == {lease_id}
    assert [lease.id for lease in closed_leases(store)] == [lease_id]


def test_a_machine_that_stands_though_all_runs_are_stored_is_given_back(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    provisioner = FakeProvisioner()
    _killed(provisioner, 4)
    for record in provisioner.records("bench-trial-v100"):
        (store.root / record.key).parent.mkdir(parents=True, exist_ok=True)
        (store.root / record.key).write_bytes(record.raw)
    result, _ = run_sweep(provisioner, **one)
    assert provisioner.up == {}
    assert result.exit_code == 0
    assert len(closed_leases(store)) == 1


@pytest.mark.parametrize("state", ["INIT", "STOPPED"])
def test_a_machine_that_does_not_answer_stays_with_its_records_and_is_named(
    run_sweep: RunSweep, one: dict[str, object], state: str
) -> None:
    class Silent(FakeProvisioner):
        def clusters(self) -> list[ClusterStatus]:
            return [replace(machine, state=state) for machine in super().clusters()]

    provisioner = Silent()
    _killed(provisioner, 2)
    result, _ = run_sweep(provisioner, **one)
    assert list(provisioner.up) == ["bench-trial-v100"]
    assert result.exit_code == 1
    assert result.cells[0].failure is not None
    assert state in result.cells[0].failure.words
    assert "sky start bench-trial-v100" in result.cells[0].failure.words
    assert provisioner.calls.count("launch bench-trial-v100") == 1


def test_the_budget_that_is_spent_gives_a_standing_machine_back_with_its_records(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))
    _killed(provisioner, 2)
    provisioner.books["bench-trial-v100"] = Uptime(provisioner.books["bench-trial-v100"].started, None)
    result, _ = run_sweep(provisioner, cost="0.000001", **one)
    assert result.exit_code == 6
    assert provisioner.up == {}
    assert len(runs_in(store)) >= 2


def test_the_lease_of_a_machine_that_went_between_two_calls_is_closed(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    provisioner = FakeProvisioner()
    lease_id = _killed(provisioner, 2)
    opened = provisioner.up["bench-trial-v100"].opened
    assert opened is not None
    store.put(opened)
    provisioner.down("bench-trial-v100")
    stopped = provisioner.books["bench-trial-v100"].stopped
    run_sweep(provisioner, **one)
    leases, _ = read_all(store, "leases")
    closed = {lease.id: lease.stopped for lease in leases if isinstance(lease, LeaseClosed)}
    assert closed[lease_id] == stopped
    assert {lease.id for lease in leases if isinstance(lease, LeaseOpened)} == set(closed)
    assert all(isinstance(run, Run) and run.series.id == lease_id for run in read_all(store, "runs")[0])


def test_a_machine_whose_cell_is_in_the_file_no_longer_is_named(run_sweep: RunSweep, one: dict[str, object]) -> None:
    provisioner = FakeProvisioner()
    _killed(provisioner, 2, spot=True)
    machine = provisioner.up["bench-trial-v100-spot"]
    machine.instance = replace(machine.instance, labels=sweep_labels("trial", ""))
    _, shown = run_sweep(provisioner, **one)
    assert "bench down bench-trial-v100-spot" in shown
    assert list(provisioner.up) == ["bench-trial-v100-spot"]


def test_a_machine_whose_records_go_to_another_store_is_not_taken_over(
    run_sweep: RunSweep, one: dict[str, object]
) -> None:
    provisioner = FakeProvisioner()
    _killed(provisioner, 2)
    machine = provisioner.up["bench-trial-v100"]
    machine.instance = replace(machine.instance, labels=sweep_labels("trial", "s3://another/store"))
    with pytest.raises(BenchError, match=r"^bench-trial-v100 .*s3://another/store"):
        run_sweep(provisioner, **one)
    assert list(provisioner.up) == ["bench-trial-v100"]


def test_a_machine_of_a_folder_with_the_same_path_on_another_host_is_left_alone(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    provisioner = FakeProvisioner()
    _killed(provisioner, 2)
    machine = provisioner.up["bench-trial-v100"]
    machine.instance = replace(machine.instance, labels=sweep_labels("trial", store.locator, "0" * 16))
    before = list(provisioner.calls)
    with pytest.raises(ForeignMachineError, match=r"^bench-trial-v100 "):
        run_sweep(provisioner, **one)
    assert provisioner.calls[len(before) :] == ["check"]
    assert list(provisioner.up) == ["bench-trial-v100"]


def test_a_machine_that_another_user_rented_under_the_same_name_is_left_alone(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    class Shared(FakeProvisioner):
        """An API server of several users: what others have rented is not listed."""

        def clusters(self) -> list[ClusterStatus]:
            return []

    provisioner = Shared()
    _killed(provisioner, 2)
    machine = provisioner.up["bench-trial-v100"]
    machine.instance = replace(machine.instance, labels=sweep_labels("trial", "/home/another/results/local"))
    before = list(provisioner.calls)
    result, _ = run_sweep(provisioner, **one)
    assert provisioner.calls[len(before) :] == ["check", "launch bench-trial-v100"]
    assert (result.exit_code, result.cells[0].stage, result.cells[0].left) == (6, Stage.FAILED, None)
    assert list(provisioner.up) == ["bench-trial-v100"]
    assert not list(store.keys())


@pytest.mark.parametrize("runs", [None, 2])
def test_the_next_call_knows_its_own_machine(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object], runs: int | None
) -> None:
    provisioner = FakeProvisioner()
    _killed(provisioner, runs)
    machine = provisioner.up["bench-trial-v100"]
    machine.instance = replace(machine.instance, labels=sweep_labels("trial", store.locator, store.identity()))
    result, _ = run_sweep(provisioner, **one)
    assert (result.exit_code, provisioner.up) == (0, {})
    assert provisioner.calls.count("launch bench-trial-v100") == 1


def test_a_machine_that_is_taken_back_after_it_was_taken_over_is_replaced(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    taken = Plot(makes=3, ends=Job.GONE, taken_back="EC2 says so", then=Plot())
    provisioner = FakeProvisioner(v100_spot=taken)
    lease_id = _killed(provisioner, 2, spot=True)
    result, _ = run_sweep(provisioner, **one, pricing=("spot",))
    assert provisioner.calls.count("launch bench-trial-v100-spot") == 2
    assert (result.cells[0].stage, result.cells[0].runs) == (Stage.DONE, 4)
    assert sorted(run.seed for run in runs_in(store)) == [0, 1, 2, 3]
    assert {run.series.id for run in runs_in(store)} == {lease_id}
    reasons = {lease.id: lease.reason for lease in closed_leases(store)}
    assert reasons.pop(lease_id) == "preempted"
    assert list(reasons.values()) == ["finished"]
