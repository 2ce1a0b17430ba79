"""sky/run.sh: what it calls, what a container gets, and how it ends."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.skypilot.machine import BENCH, DOCKER, GPU, SLOW_BENCH, Machine, ends

# Notes how long it is asked to sleep, and wakes as soon as what it waits for has begun.
SLEEP = """\
#!/bin/bash
echo "sleep $*" >>"$CALLS"
while [[ ! -e $CALLS.began ]]; do read -t 0.05 <> <(:) || true; done
"""
# Hears no SIGTERM, and has a process that hears none either.
DEAF = """\
#!/bin/bash
trap '' TERM
if [[ $1 == lease ]]; then exit; fi
( while :; do read -t 1 <> <(:) || true; done ) &
echo "worker $!" >>"$CALLS"
: >"$CALLS.began"
wait
"""
# `docker run` that goes on until `docker kill`, whatever it is told.
DEAF_DOCKER = """\
#!/bin/bash
[[ $* != *forecast* ]] || exit 0
case $1 in
  run)
    trap '' TERM; echo "docker $*" >>"$CALLS"; : >"$CALLS.began"
    while [[ ! -e $CALLS.killed ]]; do read -t 0.1 <> <(:) || true; done ;;
  kill) echo "docker $*" >>"$CALLS"; : >"$CALLS.killed" ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """A machine that setup.sh has made ready, with `bench` on its PATH."""
    machine.has(bench=BENCH)
    machine.call("setup.sh", BENCH_RUNTIME="installed")
    return machine


@pytest.fixture
def containers(machine: Machine) -> Machine:
    """A machine that setup.sh has made ready to run an image."""
    machine.has(docker=DOCKER)
    machine.call("setup.sh", BENCH_IMAGE="bench:1")
    return machine


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RUNPOD_POD_ID": "pod1"}, "pod1"),
        ({}, "pod2"),  # of the first process
        ({"RUNPOD_POD_ID": "pod1", "BENCH_RESOURCE_ID": "vm3"}, "vm3"),
        ({"FIRST_ENVIRONMENT": "/dev/null"}, "none"),
    ],
)
def test_a_pod_is_named_as_on_its_bill(
    installed: Machine, tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    (tmp_path / "environ").write_bytes(b"HOME=/root\0RUNPOD_POD_ID=pod2\0")
    installed.has(bench='#!/bin/bash\necho "bench ${BENCH_RESOURCE_ID-none}" >>"$CALLS"\n')
    installed.call("run.sh", 0, **({"FIRST_ENVIRONMENT": str(tmp_path / "environ")} | variables))
    assert set(installed.called("bench")) == {f"bench {named}"}


def test_bench_gets_the_recipes_and_the_phases_so_far(installed: Machine) -> None:
    installed.call("run.sh", BENCH_GPUS="8", BENCH_STORE="s3://bucket/prefix")
    foretold, fetched, ran = installed.calls
    assert foretold.startswith("bench lease forecast quick myrtle --runs 3 --gpus 8 ")
    assert fetched.startswith("bench data fetch ")
    assert ran.startswith("bench run quick myrtle --runs 3 --gpus 8 --resume --store s3://bucket/prefix s3://")
    assert installed.marks() == ["setup", "idle", "data"]
    # As docs/lease.md wants them.
    assert re.fullmatch(r".* setup=[0-9]+ idle=[0-9]+ data=[0-9]+", ran)


def test_phases_are_in_order_and_past_by_a_clock_that_was_set_back(installed: Machine) -> None:
    up = int(float(Path("/proc/uptime").read_text().split()[0]))
    marks = {"setup": 1, "pull": up - 40, "idle": up - 10, "data": 10**9}  # the last one of before a boot
    (installed.checkout / ".machine" / "phases").write_text("".join(f"{name}={at}\n" for name, at in marks.items()))
    installed.has(date=f"#!/bin/bash\necho $(($({shutil.which('date')} +%s) - 7200))\n")
    installed.call("run.sh", CIFAR10_DIR="/data")
    told = dict(re.findall("([a-z]+)=([0-9]+)", installed.calls[-1]))
    assert list(told) == ["setup", "pull", "idle"]
    assert int(told["idle"]) - int(told["pull"]) == 30
    assert int(told["pull"]) - int(told["setup"]) == up - 41
    assert int(told["idle"]) <= time.time() - 7200


def test_a_gpu_that_is_paid_for_is_asked_for(installed: Machine) -> None:
    installed.has(nvidia_smi=GPU)
    installed.call("run.sh")
    assert "--device cuda" in installed.calls[-1]


def test_a_gpu_that_is_paid_for_and_not_there_is_no_reason_to_train_on_the_processor(containers: Machine) -> None:
    made = containers.calls
    assert "1 GPUs were rented" in containers.call("run.sh", status=1, SKYPILOT_NUM_GPUS_PER_NODE="1")
    assert containers.calls == made
    containers.has(nvidia_smi=GPU)
    containers.call("run.sh", SKYPILOT_NUM_GPUS_PER_NODE="1")
    assert "--device cuda" in containers.calls[-1]


def test_who_has_bench_installed_answers_for_the_gpu(installed: Machine) -> None:
    installed.call("run.sh", SKYPILOT_NUM_GPUS_PER_NODE="1")
    assert "--device cuda" not in installed.calls[-1]


def test_what_the_job_costs_is_asked_for_and_no_reason_to_fail(installed: Machine) -> None:
    installed.has(bench='#!/bin/bash\necho "$1 $BENCH_SHOW_COST $BENCH_IDLE_MINUTES" >>"$CALLS"; [[ $1 != lease ]]\n')
    installed.call("run.sh", CIFAR10_DIR="/data")
    assert installed.calls == ["lease  5", "run 1 5"]


@pytest.mark.parametrize(("given", "told"), [("", "NVIDIA-B300-SXM6-AC:2"), ("B300:2", "B300:2")])
def test_gpus_that_the_task_file_does_not_name_are_named_by_the_machine(
    installed: Machine, given: str, told: str
) -> None:
    installed.has(
        bench='#!/bin/bash\necho "$1 $BENCH_ACCELERATORS" >>"$CALLS"\n',
        nvidia_smi='#!/bin/bash\n[[ $1 == -L ]] || printf "NVIDIA B300 SXM6 AC\\n%.0s" 1 2\n',
    )
    installed.call("run.sh", BENCH_ACCELERATORS=given)
    assert set(installed.calls) == {f"{word} {told}" for word in ("lease", "data", "run")}


def test_a_variable_left_empty_in_the_task_file_is_not_set(installed: Machine) -> None:
    installed.call("run.sh", BENCH_STORE="", AWS_SESSION_TOKEN="", BENCH_GPUS="", CIFAR10_DIR="/data")
    _, ran = installed.calls
    assert f"--resume --store {installed.home}/bench-results no-store no-token setup=" in ran


@pytest.mark.parametrize("given", ["", "0"])
def test_every_record_goes_to_the_job_s_log(machine: Machine, given: str) -> None:
    machine.has(bench='#!/bin/bash\necho "$1 $BENCH_ECHO" >>"$CALLS"\n')
    machine.call("setup.sh", BENCH_RUNTIME="installed")
    machine.call("run.sh", BENCH_ECHO=given)
    assert "run 1" in machine.calls


def test_the_last_line_says_where_the_records_are_and_how_to_get_them_home(installed: Machine) -> None:
    cluster = '{"cluster_name": "sky-1a2b", "cloud": "aws"}'
    last = installed.call("run.sh", SKYPILOT_CLUSTER_INFO=cluster).splitlines()[-1]
    assert "idle for 5 minutes" in last
    assert last.endswith("bench collect sky-1a2b")
    last = installed.call("run.sh", status=6, STATUS="6", BENCH_STORE="s3://b/p").splitlines()[-1]
    assert last.endswith("bench report --store s3://b/p")


def test_a_bench_that_is_killed_ends_the_job_as_an_error(installed: Machine) -> None:
    installed.call("run.sh", status=1, STATUS="137", CIFAR10_DIR="/data")


def test_without_data_nothing_is_run(installed: Machine) -> None:
    installed.has(bench='#!/bin/bash\necho "bench $*" >>"$CALLS"; exit 1\n')
    assert "bench report" not in installed.call("run.sh", status=1, BENCH_STORE="s3://b/p")
    assert installed.calls[1:] == ["bench data fetch"]


def test_it_wants_a_set_up_machine_recipes_and_one_machine(machine: Machine) -> None:
    assert "sky/setup.sh" in machine.call("run.sh", status=1)
    machine.has(bench=BENCH)
    machine.call("setup.sh", BENCH_RUNTIME="installed")
    assert "BENCH_RECIPES" in machine.call("run.sh", status=1, BENCH_RECIPES="")
    assert "--num-nodes" in machine.call("run.sh", status=1, SKYPILOT_NUM_NODES="2")
    assert machine.calls == []


def test_a_container_gets_variables_by_name_and_the_folders_of_this_machine(containers: Machine) -> None:
    (containers.home / ".aws").mkdir(parents=True)
    given = {"AWS_SECRET_ACCESS_KEY": "planted", "CIFAR10_URL": "http://127.0.0.1/x", "HTTPS_PROXY": "http://127.0.0.1"}
    containers.call("run.sh", 0, SKYPILOT_TASK_ID="t", BENCH_STORE="", GCE_METADATA_HOST="127.0.0.1", **given)
    fetched, ran = (call.split(" ") for call in containers.calls[-2:])
    assert (fetched[-2:], ran[-8:]) == (
        ["data", "fetch"],
        ["run", "quick", "myrtle", "--runs", "3", "--resume", "--store", "/results"],
    )
    assert "planted" not in containers.log.read_text()
    home = containers.home
    pairs = set(itertools.pairwise(ran))
    assert pairs >= {
        ("--env", name) for name in (*given, "SKYPILOT_TASK_ID", "BENCH_LEASE_PHASES", "GCE_METADATA_HOST")
    }
    assert pairs >= {
        ("--env", "BENCH_IMAGE_DIGEST=sha256:0123"),
        ("--env", "CIFAR10_DIR=/cache/bench"),
        ("--network", "host"),
        ("--volume", f"{home}/bench-results:/results"),
        ("--volume", f"{home}/.local/state/bench:/state/bench"),
        ("--volume", f"{home}/.cache/bench:/cache/bench"),
        ("--volume", f"{home}/.aws:/tmp/.aws:ro"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
    }
    assert ("--env", "BENCH_STORE") not in pairs
    assert ("--env", "http_proxy") not in pairs
    assert "--gpus" not in ran


def test_what_is_compiled_in_a_container_outlives_it(containers: Machine) -> None:
    containers.call("run.sh")
    words = containers.calls[-1]
    assert f"--volume {containers.home}/.cache/bench/compiled:/compiled " in words
    assert "TORCHINDUCTOR_CACHE_DIR=/compiled/" in words
    assert "TRITON_CACHE_DIR=/compiled/" in words


def test_a_container_gets_the_gpu_and_the_data_of_the_machine(containers: Machine) -> None:
    containers.has(nvidia_smi=GPU)
    containers.call("run.sh", CIFAR10_DIR="/images")
    assert "--volume /images:/data:ro" in containers.calls[-1]
    assert "--gpus all bench:1 run" in containers.calls[-1]


def test_sigterm_reaches_bench_and_its_last_record_is_waited_for(installed: Machine) -> None:
    installed.has(bench=SLOW_BENCH)
    process = installed.start("run.sh", CIFAR10_DIR="/data")
    _until(lambda: "started" in installed.calls)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, installed.calls) == (130, ["started", "recorded"])
    assert "The records are in" in out


def test_at_the_deadline_bench_is_told_to_stop_and_its_last_record_is_waited_for(installed: Machine) -> None:
    installed.has(bench=SLOW_BENCH)
    out = installed.call("run.sh", status=6, CIFAR10_DIR="/data", BENCH_DEADLINE="1s")
    assert installed.calls == ["started", "recorded"]
    assert "BENCH_DEADLINE" in out
    assert "The records are in" in out


def test_what_does_not_stop_is_killed_a_minute_later_with_all_its_processes(installed: Machine) -> None:
    installed.has(bench=DEAF, sleep=SLEEP)
    installed.call("run.sh", status=6, CIFAR10_DIR="/data", BENCH_DEADLINE="2h")
    *_, left, grace = installed.called("sleep")  # the forecast's wait for the deadline may have begun before it ended
    assert 7190 < int(left.split()[1]) <= 7200
    assert grace == "sleep 60"
    assert ends(installed.called("worker")[0].split()[1])


def test_a_container_that_does_not_stop_is_killed_by_the_engine(containers: Machine) -> None:
    containers.has(docker=DEAF_DOCKER, sleep=SLEEP)
    containers.call("run.sh", status=6, CIFAR10_DIR="/data", BENCH_DEADLINE="2h")
    ran = containers.called("docker")[-2].split(" ")
    name = ran[ran.index("--name") + 1]
    assert containers.called("docker")[-1] == f"docker kill {name}"


def test_the_deadline_counts_from_the_set_up_and_for_one_job(machine: Machine) -> None:
    machine.has(bench=SLOW_BENCH)
    machine.call("setup.sh", BENCH_RUNTIME="installed", BENCH_DEADLINE="1h")
    (machine.checkout / ".machine" / "deadline").write_text("1700000000\n")
    machine.call("run.sh", status=6, CIFAR10_DIR="/data", BENCH_DEADLINE="1h")
    machine.has(bench=BENCH)
    machine.call("run.sh", CIFAR10_DIR="/data", BENCH_DEADLINE="1h")


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
