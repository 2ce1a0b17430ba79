"""A sweep of a task of one's own over three GPU types: one diverges, and one machine is taken back in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.record.documents import LeaseOpened
from bench.store import FolderStore, RawRecord, read_all, read_log
from bench.sweep.orchestration.state import Stage
from bench.sweep.orchestration.sweep_runner import SweepResult
from bench.sweep.provisioning.provisioner import Job
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import RunSweep
from tests.support.sweeps import closed_leases, runs_in
from tests.support.task_machines import TaskMachines

# Goes on from its checkpoint, which outlives the machine. On one GPU its loss is not a number.
TASK = """
run: |
  python3 - <<'END'
  import json, os, pathlib
  checkpoint = pathlib.Path(os.environ["HOME"], "step")
  first = int(checkpoint.read_text()) if checkpoint.exists() else 0
  diverges = "h100" in os.environ["HOME"]
  for step in range(first + 1, first + 11):
      loss = float("nan") if diverges and step > 5 else 1 / step
      print(json.dumps({"step": step, "val_loss": loss}), flush=True)
      checkpoint.write_text(str(step))
  END
"""
NAMES = ("H100:1", "A100-80GB:1", "L40S:1")


@pytest.fixture
def task(tmp_path: Path) -> str:
    path = tmp_path / "train.yaml"
    path.write_text(TASK)
    return str(path)


@pytest.mark.slow
def test_three_gpu_types(run_sweep: RunSweep, sweep: Sweep, store: FolderStore, task: str, tmp_path: Path) -> None:
    lost = "bench-trial-l40s-spot"
    machines = TaskMachines(tmp_path / "homes", lost=[lost])
    changes = {"recipes": (), "task": task, "machines": NAMES, "pricing": ("spot",), "target": "val_loss <= 0.2"}
    result: SweepResult
    result, _ = run_sweep(machines, **changes)
    runs = {(run.seed, opened_in(store)[run.lease_id or ""].tags["bench-sweep"]): run for run in runs_in(store)}
    assert len(runs) == 6
    of_h100 = [run for (_, cell), run in runs.items() if "h100" in cell]
    others = [run for (_, cell), run in runs.items() if "h100" not in cell]
    # The first run there diverged; the second went on behind the step at which a loss is not a number, and so did it.
    assert {(run.status, run.reason) for run in of_h100} == {("failed", "DIVERGED")}
    assert {(run.status, run.hit) for run in others} == {("completed", True)}
    # Ten steps were lost with their record, and the machine that came after went on behind them.
    assert sorted(run.resumed_from or 0 for run in others) == [0, 0, 10, 20]
    assert [machines.calls.count(f"run {cluster}") for cluster in sorted(machines.orders)] == [1, 1, 2]
    assert machines.orders[lost].program[:6] == ("--name", "train", "--runs", "2", "--only", "1")
    assert {lease.reason for lease in closed_leases(store)} == {"finished", "preempted", "failed"}
    assert machines.up == {}
    assert {cell.runs for cell in result.cells} == {2}
    attempts = sorted((lease.tags["bench-sweep"], lease.attempt) for lease in opened_in(store).values())
    assert attempts == [
        ("trial/a100-80gb-spot", 1),
        ("trial/h100-spot", 1),
        ("trial/l40s-spot", 1),
        ("trial/l40s-spot", 2),
    ]


def test_a_task_s_runs_are_not_made_again_where_the_sweep_was_killed_and_its_machine_ended(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore, task: str, tmp_path: Path
) -> None:
    class Killed(TaskMachines):
        """Nothing that the sweep does behind its first question about the runs is done."""

        def job(self, cluster: str, job: int) -> Job:
            if job == 2:
                for record in read_log(f"{line}\n".encode() for line in self._printed[cluster]):
                    assert isinstance(record, RawRecord)
                    store.create(record.key, record.raw)
                before.update(store.keys())
            return super().job(cluster, job)

    before: set[str] = set()
    changes = {"recipes": (), "task": task, "machines": NAMES[:1]}
    run_sweep(Killed(tmp_path / "homes"), **changes)
    for key in set(store.keys()) - before:
        (store.root / key).unlink()
    later = TaskMachines(tmp_path / "homes")
    result, _ = run_sweep(later, **changes)
    assert [cell.stage for cell in result.cells] == [Stage.SKIPPED]
    assert len(runs_in(store)) == 2
    assert not any(call.startswith("launch") for call in later.calls)
    (opened,) = opened_in(store).values()
    assert (opened.tags["bench-sweep"], opened.attempt) == ("trial/h100", 1)


@pytest.mark.slow
def test_only_the_run_whose_record_was_damaged_is_repeated(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore, task: str, tmp_path: Path
) -> None:
    changes = {"recipes": (), "task": task, "machines": NAMES[:1], "runs": 3}
    run_sweep(TaskMachines(tmp_path / "homes"), **changes)
    kept = {run.seed: run.id for run in runs_in(store) if run.seed != 1}
    (damaged,) = (run for run in runs_in(store) if run.seed == 1)
    (store.root / damaged.key()).unlink()
    machines = TaskMachines(tmp_path / "homes")
    result, _ = run_sweep(machines, **changes)
    assert machines.orders["bench-trial-h100"].program[2:6] == ("--runs", "3", "--only", "1")
    assert (result.exit_code, result.cells[0].runs) == (0, 3)
    runs = {run.seed: run.id for run in runs_in(store)}
    assert len(runs_in(store)) == 3
    assert {**kept, 1: runs[1]} == runs


def opened_in(store: FolderStore) -> dict[str, LeaseOpened]:
    """The leases by id; the launcher opened them, as nothing of bench is on these machines."""
    documents, errors = read_all(store, "leases")
    assert not errors
    return {lease.id: lease for lease in documents if isinstance(lease, LeaseOpened)}
