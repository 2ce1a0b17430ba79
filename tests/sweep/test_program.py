"""Sweeps of a task of one's own: what the file may say, and what the machine is told to run."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.record.documents import Run, new_id
from bench.store import FolderStore, counting_collector, read_all, read_log
from bench.sweep.orchestration.launch import finished_runs, launch_request
from bench.sweep.orchestration.state import CellState
from bench.sweep.planning.duration import History
from bench.sweep.planning.plan import plan_sweep
from bench.sweep.provisioning.jobs import ARCHIVE, run_config, setup_config, task_config
from bench.sweep.spec import Sweep, load
from tests.support.task_machines import run_on_a_machine

TASK = """
resources:
  infra: aws
envs:
  LR: "0.5"
setup: pip install something
run: |
  cd "$HOME"
  python3 - <<'END'
  import json, os
  for step in range(1, 4):
      print(json.dumps({"step": step, "total_steps": 3, "val_loss": float(os.environ["LR"]) / step}), flush=True)
  END
"""
SWEEP = "name: mine\ntask: train.yaml\nruns: 2\nmachines: [H100:1, L40S:1]\ntarget: val_loss <= 0.3\n"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.chdir(tmp_path)
    Path("train.yaml").write_text(TASK)
    Path("sweep.yaml").write_text(SWEEP)
    return load("sweep.yaml")


def config_of(sweep: Sweep, deadline: datetime | None = None, made: Collection[int] = ()) -> dict[str, Any]:
    """What SkyPilot is given for the first cell."""
    cell = CellState(sweep.cells()[0], planned=2, lease_id=new_id())
    return task_config(launch_request(sweep, cell, "", {}, None, deadline, made))


def recorded(printed: str, store: FolderStore) -> list[Run]:
    """The runs in what a machine has printed."""
    collector = counting_collector(store)
    collector.add(read_log([printed.encode()]), "the log")
    assert collector.result().errors == ()
    return [document for document in read_all(store)[0] if isinstance(document, Run)]


def test_the_example_is_a_sweep_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    example = load("docs/examples/char-model.yaml")
    assert (example.names, example.steps, len(example.cells())) == (("char_model",), 300, 3)


def test_the_users_task_is_the_task_of_every_cell(sweep: Sweep) -> None:
    assert sweep.names == ("train",)
    assert [(cell.name, str(cell.task)) for cell in sweep.cells()] == [("h100", "train.yaml"), ("l40s", "train.yaml")]


def test_its_setup_and_its_run_stay_as_they_are(sweep: Sweep) -> None:
    config = config_of(sweep)
    assert config["setup"] == "pip install something"
    assert config["resources"]["accelerators"] == "H100:1"
    assert config["envs"]["LR"] == "0.5"
    assert "BENCH_RECIPES" not in config["envs"]
    assert set(setup_config(config)["file_mounts"]) == {ARCHIVE}
    assert run_config(config, "H100:1")["run"].startswith(f"python3 {ARCHIVE} --name train --runs 2 --task-sha256 ")


@pytest.mark.parametrize(("made", "only"), [({1}, "0,2-3"), ({0, 1}, "2-3"), ({0, 1, 2, 3}, "''"), ({2}, "0-1,3")])
def test_runs_that_are_made_are_left_out_by_their_numbers(
    sweep: Sweep, tmp_path: Path, made: set[int], only: str
) -> None:
    config = config_of(sweep.model_copy(update={"runs": 4}), made=made)
    assert f" --runs 4 --only {only} " in run_config(config, "H100:1")["run"]
    runs = recorded(run_on_a_machine(config, tmp_path / "home"), FolderStore(tmp_path / "store"))
    assert {(run.seed, run.series.index, run.series.planned) for run in runs} == {
        (seed, seed, 4) for seed in set(range(4)) - made
    }


def test_its_records_come_home_by_the_log_and_are_not_made_again(sweep: Sweep, tmp_path: Path) -> None:
    home = tmp_path / "home"
    config = config_of(sweep)
    runs = recorded(run_on_a_machine(config, home), FolderStore(tmp_path / "store"))
    assert [(run.label, run.seed, run.hit, run.lease_id, run.series.id) for run in runs] == [
        ("train", seed, True, config["envs"]["BENCH_LEASE_ID"], config["envs"]["BENCH_SERIES_ID"]) for seed in (0, 1)
    ]
    assert finished_runs(sweep, sweep.cells()[0], runs) == {("train", 0), ("train", 1)}
    Path("train.yaml").write_text(TASK.replace("0.5", "0.6"))
    assert len(finished_runs(sweep, sweep.cells()[0], runs)) == 2, "it is edited while the sweep runs"
    later = load("sweep.yaml")
    assert finished_runs(later, later.cells()[0], runs) == set()  # another task


def test_several_nodes_are_rented_and_all_run_it(sweep: Sweep) -> None:
    Path("train.yaml").write_text(f"num_nodes: 2\n{TASK}")
    config = config_of(sweep)
    assert setup_config(config)["num_nodes"] == run_config(config, "H100:1")["num_nodes"] == 2


def test_a_deadline_is_one_of_all_runs_and_what_it_ends_is_made_again(sweep: Sweep, tmp_path: Path) -> None:
    Path("train.yaml").write_text("run: sleep 600\n")
    config = config_of(sweep, datetime.now(UTC) + timedelta(seconds=2))
    runs = recorded(run_on_a_machine(config, tmp_path / "home"), FolderStore(tmp_path / "store"))
    assert [(run.seed, run.status) for run in runs] == [(0, "interrupted")]
    assert finished_runs(sweep, sweep.cells()[0], runs) == set()


def test_its_time_is_not_made_up(sweep: Sweep) -> None:
    from bench.billing.offers.query import Answer

    plan = plan_sweep(sweep, History([], []), lambda query: Answer([], []))
    assert [(cell.runs, cell.time) for cell in plan.cells] == [(2, None), (2, None)]
    assert plan.cells[0].why is not None
    assert plan.cells[0].why.startswith("the duration of train cannot be predicted")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("task: train.yaml\n", "", "recipes: is missing"),
        ("runs: 2", "runs: 2\nrecipes: [myrtle]", "name one of them"),
        ("task: train.yaml", "recipes: [myrtle]", "steps, total_steps and target are for a task of your own"),
        ("task: train.yaml", "task: missing.yaml", "no task file missing.yaml here"),
        ("H100:1", "v100", "v100 is no GPU"),
        ("runs: 2", "runs: 2\nstore: s3://bucket/x", "come home by its log"),
        ("<= 0.3", "0.3", "is not METRIC >= VALUE"),
        ("runs: 2", "runs: 2\nsteps: 0", "steps"),
    ],
)
def test_what_is_no_such_sweep(sweep: Sweep, old: str, new: str, said: str) -> None:
    Path("other.yaml").write_text(SWEEP.replace(old, new))
    with pytest.raises(UsageError, match=re.escape(said)):
        load("other.yaml")
