"""A sweep from its launch to its end, and the same call again: every cell at once, and nothing is made twice."""

from __future__ import annotations

import pytest
import yaml

from bench.record.documents import RecipeRef
from bench.store import FolderStore
from bench.sweep.orchestration.launch import finished_runs
from bench.sweep.orchestration.state import Stage
from bench.sweep.provisioning.provisioner import Job
from bench.sweep.spec import Sweep
from tests.support.builders import make_run
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import (
    FULL,
    closed_leases,
    once,
    press_ctrl_c,
    runs_in,
)


def test_every_cell_runs_at_once_and_all_records_come_home(run_sweep: RunSweep, store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    result, shown = run_sweep(provisioner)
    assert [cell.runs for cell in result.cells] == [4, 4, 4]
    assert result.exit_code == 0
    assert provisioner.up == {}
    assert len(runs_in(store)) == 12
    assert {(lease.reason, lease.stopped_source) for lease in closed_leases(store)} == {("finished", "launcher")}
    assert shown.count("done, 4 of 4") == 3


def test_a_machine_is_told_what_skypilot_knows_of_it(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run", makes=0))
    seen: dict[str, str] = {}

    def look() -> None:
        seen.update(provisioner.up["bench-trial-v100"].envs)
        press_ctrl_c()

    once(lambda: "run bench-trial-v100" in provisioner.calls, look)
    run_sweep(provisioner, machines=sweep.machines[:1], envs={"BENCH_IMAGE": "bench:1"})
    assert seen["BENCH_PRICE_PER_HOUR"] == "3.60"
    assert seen["BENCH_PRICE_SOURCE"] == "SkyPilot catalogue"
    assert seen["BENCH_INSTANCE"] == "aws:p3.2xlarge"
    assert seen["BENCH_LEASE_STARTED"]
    assert seen["BENCH_LEASE_TAGS"] == "bench-sweep=trial/v100"
    assert seen["BENCH_IMAGE"] == "bench:1"
    request = provisioner.orders["bench-trial-v100"]
    assert request.lease_id == request.envs["BENCH_LEASE_ID"]
    assert request.secrets == {}


@pytest.mark.parametrize("remote", [False, True])
def test_the_same_call_goes_on_with_what_is_missing(
    run_sweep: RunSweep, store: FolderStore, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    if remote:  # a folder that the machines reach too: to the sweep it is a store like S3
        monkeypatch.setattr("bench.sweep.orchestration.sweep_runner.is_folder", lambda store: False)
        monkeypatch.setattr("bench.sweep.orchestration.launch._access", lambda store: ({}, {"AWS_ACCESS_KEY_ID": "x"}))
    there = store if remote else None
    first = FakeProvisioner(there, v100=Plot(makes=3, ends=Job.FAILED), h100=Plot(refuses=FULL))
    result, _ = run_sweep(first)
    assert [cell.runs for cell in result.cells] == [3, 4, 0]
    second = FakeProvisioner(there)
    result, _ = run_sweep(second)
    assert [cell.runs for cell in result.cells] == [4, 4, 4]
    assert result.cells[1].stage is Stage.SKIPPED
    assert not any("a100" in call for call in second.calls)
    runs = runs_in(store)
    assert len(runs) == len({(run.label, run.seed, run.series.id) for run in runs}) == 12
    result, _ = run_sweep(FakeProvisioner(there))
    assert result.exit_code == 0


def test_a_failed_run_counts_and_an_interrupted_one_is_made_again(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    one: dict[str, object] = {"machines": sweep.machines[:1], "recipes": ("quick",)}
    run_sweep(FakeProvisioner(v100=Plot(makes=1, fails_with="ERROR", ends=Job.FAILED)), **one)
    result, _ = run_sweep(FakeProvisioner(v100=Plot()), **one)
    assert result.cells[0].runs == 2
    assert [run.status for run in runs_in(store)] == ["failed", "completed"]


def test_more_runs_are_made_where_more_are_asked_for(run_sweep: RunSweep, sweep: Sweep, store: FolderStore) -> None:
    run_sweep(FakeProvisioner(), machines=sweep.machines[:1])
    result, _ = run_sweep(FakeProvisioner(), machines=sweep.machines[:1], runs=3)
    assert result.cells[0].runs == 6
    assert len(runs_in(store)) == 6


def test_a_cell_whose_job_ended_well_with_fewer_runs_than_were_asked_for_has_failed(
    run_sweep: RunSweep, sweep: Sweep
) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(makes=3)), machines=sweep.machines[:1])
    (cell,) = result.cells
    assert (cell.stage, cell.runs, result.exit_code) == (Stage.FAILED, 3, 6)
    assert cell.failure is not None
    assert cell.failure.reason == "ERROR"
    assert "3 of 4 runs" in cell.failure.words


@pytest.mark.parametrize(
    ("envs", "of_file", "counted"),
    [
        ({}, {}, 0),
        ({"BENCH_IMAGE": "bench:1"}, {}, 2),
        ({}, {"BENCH_IMAGE": "bench:1"}, 2),
        ({}, {"BENCH_RUNTIME": "installed"}, 2),
        ({"BENCH_IMAGE": ""}, {"BENCH_IMAGE": "bench:1"}, 0),
    ],
)
def test_runs_of_another_source_count_where_the_machine_has_a_bench_of_its_own(
    sweep: Sweep, envs: dict[str, str], of_file: dict[str, str], counted: int
) -> None:
    cell = sweep.cells()[0]
    cell.task.write_text(yaml.safe_dump({"resources": {"accelerators": "V100:1"}, "envs": of_file, "run": "true"}))
    runs = [make_run(seed=seed, recipe=RecipeRef(name="quick", source_sha256="1" * 64)) for seed in range(2)]
    found = finished_runs(sweep.model_copy(update={"envs": envs}), cell, runs)
    assert found == {("quick", seed) for seed in range(counted)}
