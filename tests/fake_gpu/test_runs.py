"""`bench run --device cuda` as a user calls it, to the record that it leaves."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.documents import Run
from bench.store import FolderStore, read_each
from tests.fake_gpu.conftest import Machine


@pytest.fixture
def bench(tmp_path: Path, cifar10: Path) -> Bench:
    return Bench(tmp_path, cifar10)


class Bench:
    """`bench run` with a store of its own."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.store, self.data = folder / "store", data

    def run(self, machine: Machine, *words: str, **env: str) -> tuple[subprocess.CompletedProcess[str], list[Run]]:
        """What was printed, and the records."""
        where = ["--device", "cuda", "--data", str(self.data), "--store", str(self.store)]
        done = machine.python("-m", "bench", "run", *words, *where, env=env)
        store = FolderStore(self.store)
        return done, [run for run in read_each(store) if isinstance(run, Run)]


def test_a_run_on_a_gpu_is_recorded(machine: Machine, bench: Bench) -> None:
    done, [run, second] = bench.run(machine, "quick", "--runs", "2")
    assert done.returncode == 0, done.stderr
    assert (run.status, run.final_value, run.steps) == ("completed", 0.0, 50)  # nothing was computed
    assert run.valid
    assert (run.device.kind, run.device.name, run.device.count) == ("cuda", "Fake GPU sm_90", 1)
    assert (run.device.precision, run.device.path) == ("float16", "captured")
    assert run.environment.gpu == "Fake GPU sm_90"
    assert run.environment.cuda is not None
    assert run.energy_joules is None  # there is no NVML
    assert run.peak_memory is not None
    assert second.peak_memory is not None
    assert run.peak_memory.gpu == second.peak_memory.gpu  # the warm-up is no part of the first


def test_without_a_compiler_and_memory_a_run_fails_by_the_memory_alone(
    machine: Machine, bench: Bench, tmp_path: Path
) -> None:
    no_compiler = {"CC": "/bin/false", "TRITON_CACHE_DIR": str(tmp_path / "triton")}
    done, [run] = bench.run(replace(machine, gib=1), "airbench94-muon", **no_compiler)
    assert done.returncode == 6, done.stderr
    assert run.device.path == "captured"
    assert (run.status, run.reason) == ("failed", "OOM")
    assert run.message is not None
    assert run.message.startswith("batch of 2000, ")
    assert "GiB already in use by this process" in run.message
    assert [warning for warning in run.warnings if "compiled-captured fails here: CalledProcessError" in warning]


def test_a_gpu_that_torch_has_no_kernels_for_costs_no_time(machine: Machine, bench: Bench) -> None:
    done, runs = bench.run(replace(machine, capability=70), "quick")
    assert (done.returncode, runs) == (2, [])
    assert "sm_70" in done.stderr
    assert "pip install 'torch==2.10.*'" in done.stderr  # the newest on PyPI that has them
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_gpus_train_together_by_nccl(machine: Machine) -> None:
    done = replace(machine, gpus=2).python("-m", "tests.fake_gpu.parallel")
    assert done.returncode == 0, done.stderr
    run = Run.model_validate_json(done.stdout)
    assert (run.status, run.message) == ("completed", None), run.message
    assert (run.device.kind, run.device.count, run.device.path) == ("cuda", 2, "eager")
    assert (run.steps, run.images, len(run.evaluations)) == (24, 24 * 64, 6)
    assert run.valid
    assert run.machine is not None
    of_each = run.machine.gpu_fingerprints
    assert [each.matmul_tflops is not None and each.copy_gb_per_s is not None for each in of_each] == [True, True]
    assert run.machine.fingerprint in of_each
