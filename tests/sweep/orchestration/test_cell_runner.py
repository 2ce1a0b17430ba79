"""What befalls one cell on a machine that is not there: why it failed, what is tried again, what is left."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bench.record.documents import LeaseOpened
from bench.store import FolderStore
from bench.sweep.provisioning.provisioner import Job
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import (
    FULL,
    ResourcesUnavailableError,
    closed_leases,
    runs_in,
)


@pytest.mark.parametrize(
    ("plot", "reason", "words"),
    [
        (Plot(refuses=FULL), "CAPACITY", "Failed to acquire"),
        (
            Plot(refuses=ResourcesUnavailableError("x", "no zones", "VcpuLimitExceeded: you have 0")),
            "QUOTA",
            "VcpuLimit",
        ),
        (Plot(refuses=ResourcesUnavailableError("Catalog does not contain any L5")), "ERROR", "L5"),
        (Plot(refuses=OSError("no route to host")), "ERROR", "no route to host"),
        (Plot(setup_ends=Job.FAILED, log=["pip: no space left"]), "ERROR", "setup failed: pip: no space left"),
        (Plot(makes=1, fails_with="OOM", ends=Job.FAILED), "OOM", "1 run failed (OOM): OOM with batch 512"),
        (Plot(makes=1, ends=Job.FAILED, log=["Killed", "[137]"]), "OOM", "[137]"),
        (Plot(makes=0, ends=Job.FAILED), "ERROR", ""),
        (Plot(makes=1, ends=Job.GONE), "LOST", ""),
    ],
)
def test_a_cell_that_fails_has_its_reason_and_the_others_go_on(
    run_sweep: RunSweep, plot: Plot, reason: str, words: str
) -> None:
    provisioner = FakeProvisioner(a100=plot)
    result, shown = run_sweep(provisioner)
    v100, a100, h100 = result.cells
    assert a100.failure is not None
    assert a100.failure.reason == reason
    assert words in a100.failure.words
    assert f"a100: failed {reason}: {a100.failure.words}" in shown
    assert (v100.runs, h100.runs) == (4, 4)
    assert result.exit_code == 6
    assert provisioner.up == {}


def test_what_was_never_had_is_in_no_lease_and_costs_nothing(run_sweep: RunSweep, store: FolderStore) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(refuses=FULL)))
    assert result.cells[0].dollars() == 0
    assert len(closed_leases(store)) == 2


def test_a_machine_that_made_no_run_is_on_record_all_the_same(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    provisioner = FakeProvisioner(v100=Plot(setup_ends=Job.FAILED))
    run_sweep(provisioner, machines=sweep.machines[:1])
    (closed,) = closed_leases(store)
    opened = store.read(f"v1/leases/{closed.id}/opened.json")
    assert isinstance(opened, LeaseOpened)
    assert closed.reason == "failed"
    assert opened.price is not None
    assert opened.price.amount == Decimal("3.60")
    assert opened.started_source == "launcher"
    assert opened.tags == {"bench-lease": closed.id, "bench-sweep": "trial/v100"}
    assert {phase.name for phase in opened.phases} <= {"provision", "setup"}


def test_what_cannot_be_given_back_is_named_with_the_command(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(down_fails=99))
    result, _ = run_sweep(provisioner)
    (left,) = [cell for cell in result.cells if cell.left]
    assert left.left == "sky down bench-trial-v100"
    (note,) = left.notes
    assert note.endswith(": the cloud says no")
    assert result.exit_code == 1


def test_giving_back_is_tried_again(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(down_fails=2))
    result, _ = run_sweep(provisioner)
    assert result.exit_code == 0
    assert provisioner.up == {}


def test_bringing_records_home_is_tried_again(run_sweep: RunSweep, store: FolderStore) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(records_fail=2)))
    assert result.exit_code == 0
    assert len(runs_in(store)) == 12


def test_a_machine_whose_records_cannot_be_had_stays(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(records_fail=99, echoes=False))
    result, _ = run_sweep(provisioner)
    assert list(provisioner.up) == ["bench-trial-v100"]
    assert result.cells[0].left == "bench collect bench-trial-v100 && bench down bench-trial-v100"
    assert result.exit_code == 1


def test_a_server_that_is_busy_for_a_moment_stops_nothing(run_sweep: RunSweep) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(job_fails=8)))
    assert result.exit_code == 0


def test_a_server_that_stays_away_ends_the_cell_and_its_machine(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(job_fails=99))
    result, _ = run_sweep(provisioner)
    assert result.cells[0].failure == ("ERROR", "the server is busy")
    assert provisioner.up == {}
