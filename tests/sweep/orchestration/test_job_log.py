"""The job's log is the first store: a sweep has each record as it is printed, whatever becomes of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened, Run
from bench.store import FolderStore, drain, spools
from bench.store.log import to_line
from bench.sweep.orchestration.clusters import collect_records, end
from bench.sweep.provisioning.provisioner import Job, LaunchRequest
from bench.sweep.spec import Sweep
from tests.support.builders import make_run
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep

CLUSTER = "bench-trial-v100"
RUN = make_run()


def _kinds(store: FolderStore) -> list[type[AnyDocument]]:
    return sorted((type(store.read(key)) for key in list(store.keys())), key=lambda kind: kind.__name__)


@pytest.fixture
def one(sweep: Sweep) -> dict[str, object]:
    """Changes that leave one spot cell of five runs."""
    return {"machines": sweep.machines[:1], "recipes": ("quick",), "runs": 5, "pricing": ("spot",)}


def test_a_machine_that_vanishes_takes_the_run_in_flight_only(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object]
) -> None:
    result, _ = run_sweep(FakeProvisioner(v100_spot=Plot(makes=1, ends=Job.GONE)), **one, attempts=1)
    assert _kinds(store) == [LeaseClosed, LeaseOpened, Run]
    assert result.cells[0].runs == 1
    again, _ = run_sweep(FakeProvisioner(), **one)
    assert again.cells[0].runs == 5
    assert _kinds(store).count(Run) == 5, "the run that had ended is not made again"


def test_each_record_is_stored_as_it_appears(run_sweep: RunSweep, store: FolderStore, one: dict[str, object]) -> None:
    seen: list[int] = []

    class Watched(FakeProvisioner):
        def job(self, cluster: str, job: int) -> Job:
            seen.append(len(list(store.keys("v1/runs/"))))
            return super().job(cluster, job)

    run_sweep(Watched(), **one)
    assert set(seen) >= {0, 1, 2, 3, 4, 5}


def test_what_an_s3_store_refuses_from_the_machine_is_put_from_here(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sweep.orchestration.sweep_runner.is_folder", lambda store: False)
    monkeypatch.setattr("bench.sweep.orchestration.launch._access", lambda store: ({}, {}))
    result, _ = run_sweep(FakeProvisioner(store, v100_spot=Plot(refused=True)), **one)
    assert result.cells[0].runs == 5
    assert _kinds(store) == [LeaseClosed, LeaseOpened, *[Run] * 5]


def test_a_machine_whose_log_had_all_records_is_given_back_without_its_folder(
    run_sweep: RunSweep, store: FolderStore
) -> None:
    provisioner = FakeProvisioner(v100=Plot(records_fail=99))
    result, _ = run_sweep(provisioner)
    assert provisioner.up == {}
    assert [cell.runs for cell in result.cells] == [4, 4, 4]


@pytest.mark.parametrize(
    ("log", "noted"),
    [
        ([to_line(make_run())[:-40]], "damaged"),
        (
            [to_line(run) for run in [make_run()] for run in (run, run.model_copy(update={"seed": 99}))],
            "never overwritten",
        ),
        (["epoch 1", "bench-record: of no meaning"], None),
    ],
)
def test_what_the_log_holds_damaged_or_twice_differently_is_noted_once(
    run_sweep: RunSweep, one: dict[str, object], log: Sequence[str], noted: str | None
) -> None:
    result, _ = run_sweep(FakeProvisioner(v100_spot=Plot(log=log)), **one)
    notes = [note for note in result.cells[0].notes if "the log of" in note]
    assert [noted in note for note in notes if noted] == [True] * (noted is not None)
    assert result.exit_code == 0


@pytest.fixture
def machine() -> FakeProvisioner:
    """A machine that has made two of two runs."""
    provisioner = FakeProvisioner()
    envs = {
        "BENCH_RECIPES": "quick",
        "BENCH_RUNS": "2",
        "BENCH_STORE": "",
        "BENCH_LEASE_ID": "019aab8c-6c00-7000-8000-000000000000",
        "BENCH_SERIES_ID": "019aab8c-6c00-7000-8000-000000000000",
        "BENCH_LEASE_TAGS": "",
    }
    request = LaunchRequest(CLUSTER, Path("v100.yaml"), None, spot=False, lease_id=envs["BENCH_LEASE_ID"], envs=envs)
    provisioner.run(request, provisioner.launch(request), {})
    for _ in range(2):
        provisioner.job(CLUSTER, 2)
    return provisioner


def test_a_record_that_is_in_the_log_and_in_the_folder_is_one(machine: FakeProvisioner, store: FolderStore) -> None:
    collected, log_error, folder_error = collect_records(CLUSTER, machine, store)
    assert (collected.new, collected.known, collected.damaged, collected.errors) == (3, 0, 0, ())
    assert (log_error, folder_error) == (None, None)
    assert collect_records(CLUSTER, machine, store).collected.known == 3


@pytest.mark.parametrize("fails", ["log", "folder"])
def test_what_one_of_them_has_comes_where_the_other_cannot_be_read(
    machine: FakeProvisioner, store: FolderStore, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fails == "log":
        monkeypatch.delattr(FakeProvisioner, "whole_log")
    else:
        machine.up[CLUSTER].plot.records_fail = 1
    collected, log_error, folder_error = collect_records(CLUSTER, machine, store)
    assert collected.new == 3
    assert (log_error is not None, folder_error is not None) == (fails == "log", fails == "folder")


def test_the_end_of_a_machine_takes_what_only_its_log_has(machine: FakeProvisioner, store: FolderStore) -> None:
    only_in_log = make_run()
    machine.up[CLUSTER].plot.log = [to_line(only_in_log)]
    assert end(machine.clusters()[0], machine, store).new == 4
    assert store.read(only_in_log.key()) == only_in_log


def test_what_the_store_refuses_from_here_too_waits_in_the_spool_and_the_machine_goes(
    run_sweep: RunSweep, store: FolderStore, one: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))

    def refuse(document: object) -> str:
        raise StoreError("the credentials have expired")

    with monkeypatch.context() as away:
        away.setattr(store, "put", refuse)
        provisioner = FakeProvisioner()
        result, _ = run_sweep(provisioner, **one)
    assert provisioner.up == {}
    assert any("bench store drain" in note for note in result.cells[0].notes)
    (waiting,) = spools()
    assert drain(waiting, store).errors == []
    assert _kinds(store).count(Run) == 5
