"""bench run --gpus: refused where it cannot be, and no process left behind where it was broken off."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.record.documents import Run
from bench.store import open_store, read_all

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow


def test_a_recipe_for_one_gpu_is_refused_several(bench, cifar10: Path) -> None:
    done = bench("run", "quick", "--gpus", "2", "--device", "cpu", "--data", str(cifar10))
    assert done.returncode == 2
    assert "quick trains on one GPU only; several can be used by: fastai-wrn" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_gpus_that_are_not_there_are_refused(bench, cifar10: Path) -> None:
    done = bench("run", "fastai-wrn", "--gpus", "8", "--data", str(cifar10))
    assert done.returncode == 2
    assert "no CUDA GPU is usable here; --device cpu trains with 8 processes" in done.stderr


def working_in(folder: Path) -> list[int]:
    """Ids of the processes whose working folder this is."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


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
    deadline = time.monotonic() + 120
    while len(working_in(tmp_path)) < 4 and time.monotonic() < deadline:  # two of them, and Python's resource tracker
        time.sleep(0.2)
    time.sleep(5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err
    documents, errors = read_all(open_store(tmp_path / "store"))
    assert not errors
    (run,) = (document for document in documents if isinstance(document, Run))
    assert (run.status, run.reason, run.recipe.name) == ("interrupted", "USER", "fastai-wrn")
    time.sleep(1)
    assert working_in(tmp_path) == []
