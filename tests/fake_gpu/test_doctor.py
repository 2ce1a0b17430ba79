"""`bench doctor` on a machine with a GPU, as far as a fake one shows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.fake_gpu.conftest import Machine


def findings(machine: Machine, tmp_path: Path, **env: str) -> dict[str, dict[str, str]]:
    """The findings by name."""
    words = ["doctor", "--store", str(tmp_path / "store"), "--format", "json"]
    done = machine.python("-m", "bench", *words, env=env)
    assert done.returncode == 1, done.stderr  # there is no data
    return {found["name"]: found for found in json.loads(done.stdout)}


def test_gpus_are_named_with_what_they_have(machine: Machine, tmp_path: Path) -> None:
    found = findings(replace(machine, gpus=2), tmp_path, XDG_CACHE_HOME=str(tmp_path), CIFAR10_DIR="")
    assert found["GPU"]["state"] == "ok"
    assert found["GPU"]["found"].startswith("2 x Fake GPU sm_90, sm_90, driver ")
    assert found["NVML"]["state"] == "note"  # there is none


def test_a_gpu_with_little_memory_is_a_note(machine: Machine, tmp_path: Path) -> None:
    found = findings(replace(machine, gib=5), tmp_path, XDG_CACHE_HOME=str(tmp_path), CIFAR10_DIR="")
    assert found["GPU"]["state"] == "note"
    assert "of 5 GiB free" in found["GPU"]["found"]


def test_a_gpu_that_torch_has_no_kernels_for_fails(machine: Machine, tmp_path: Path) -> None:
    found = findings(replace(machine, capability=70), tmp_path, XDG_CACHE_HOME=str(tmp_path), CIFAR10_DIR="")
    assert found["GPU"]["state"] == "fails"
    assert "pip install 'torch==2.10.*'" in found["GPU"]["remedy"]


def test_without_a_c_compiler_steps_are_not_compiled(machine: Machine, tmp_path: Path) -> None:
    no_compiler = {"CC": "/bin/false", "TRITON_CACHE_DIR": str(tmp_path / "triton")}
    found = findings(machine, tmp_path, XDG_CACHE_HOME=str(tmp_path), CIFAR10_DIR="", **no_compiler)
    assert found["compiler"]["state"] == "note"
    assert "CalledProcessError: Command '['/bin/false', " in found["compiler"]["found"]
