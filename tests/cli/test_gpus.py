"""bench run --gpus: refused where it cannot be, and no process left behind where it was broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import UsageError
from bench.record.documents import Run
from bench.store import open_store, read_all

torch = pytest.importorskip("torch")


def refusal(*words: str) -> str:
    """Why `bench run` refuses these words."""
    result = CliRunner().invoke(cli, ["run", *words])
    assert isinstance(result.exception, UsageError)
    return str(result.exception)


def test_a_recipe_for_one_gpu_is_refused_several(cifar10: Path) -> None:
    message = refusal("quick", "--gpus", "2", "--device", "cpu", "--data", str(cifar10))
    assert message.startswith("quick ")
    assert "fastai-wrn" in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_gpus_that_are_not_there_are_refused(cifar10: Path) -> None:
    assert "--device cpu" in refusal("fastai-wrn", "--gpus", "8", "--data", str(cifar10))


def wait_for(holds: Callable[[], bool], seconds: float) -> None:
    """Return as soon as it holds, or when the time is over."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)


def working_in(folder: Path) -> dict[int, float]:
    """The processes whose working folder this is: id and CPU seconds."""
    seconds = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").readlink() == folder:
                user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                seconds[int(process.name)] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return seconds


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_leaves_a_record_and_no_process(cifar10: Path, tmp_path: Path) -> None:
    """Ctrl-C goes to every process of the terminal, so the signal goes to the group here."""
    command = [sys.executable, "-m", "bench", "run", "fastai-wrn", "--gpus", "2", "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--data", str(cifar10), "--store", "store"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "[1/1]" in process.stderr.readline()

    def both_train() -> bool:
        """Imports take a few seconds of each; what takes longer is the training."""
        return sum(seconds > 6 for pid, seconds in working_in(tmp_path).items() if pid != process.pid) == 2

    wait_for(both_train, 900)
    assert both_train()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err
    documents, errors = read_all(open_store(tmp_path / "store"))
    assert not errors
    (run,) = (document for document in documents if isinstance(document, Run))
    assert (run.status, run.reason, run.label) == ("interrupted", "USER", "fastai-wrn")
    wait_for(lambda: not working_in(tmp_path), 60)
    assert working_in(tmp_path) == {}
