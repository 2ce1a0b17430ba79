"""Several processes: what the first tells is heard with its own times, and whatever goes wrong is named."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.measure.distributed import TIMEOUTS, Timeouts, check
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.recipes import find
from bench.record.documents import Run
from bench.training.data import Cifar10
from tests.support.parallel_recipes import CPU, Scripted
from tests.support.processes import lives

NO_IMAGES = np.zeros((0, 3, 32, 32), np.uint8), np.zeros(0, np.uint8)


def series(first_seed: int, n: int = 1, name: str = "scripted", timeouts: Timeouts | None = None) -> list[Run]:
    """`n` runs of a script by two processes. See parallel_recipes for what each seed does."""
    interrupts = Interrupts()
    measurement = Measurement(
        Cifar10(*NO_IMAGES, *NO_IMAGES), CPU, Progress(quiet=True), interrupts, gpus=2, timeouts=timeouts
    )
    with interrupts.listening():
        return list(measurement.runs([Scripted(name, "", 0.94)], n, first_seed))


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_runs_of_two_processes_hold_what_the_first_tells_on_the_parent_s_clock(
    capfd: pytest.CaptureFixture[str],
) -> None:
    first, second = series(10, n=2)
    for run in (first, second):
        assert (run.status, run.final_value, run.loss, run.steps, run.images) == ("completed", 0.95, 1.0, 1, 100)
        assert run.valid
    assert [phase.name for phase in first.phases] == ["build", "warmup", "prepare", "train", "final_evaluate"]
    assert [phase.name for phase in second.phases] == ["prepare", "train", "final_evaluate"]
    prepare, *_, last = second.phases
    assert prepare.seconds >= 0.02
    assert 0 <= prepare.start < second.evaluations[0].at - 0.02
    assert last.stop <= second.evaluations[0].at
    assert capfd.readouterr().out == ""  # what a worker prints is not among the results


@pytest.mark.slow
def test_the_failure_of_one_process_is_the_run_s_and_the_next_run_starts_afresh() -> None:
    *failed, after = series(20, n=6)
    assert [(run.reason, run.message) for run in failed] == [
        ("ERROR", "rank 1 of 2: ValueError: the image"),
        ("OOM", "rank 1 of 2: batch of 100: CUDA out of memory. Tried 2.00 GiB"),
        ("ERROR", "rank 1 of 2 was terminated by SIGKILL, as the system does when memory runs out"),
        ("ERROR", "rank 1 of 2 exited with code 7"),
        ("DIVERGED", "the loss is nan after step 1"),
    ]
    for run in failed[:-1]:
        assert [phase.name for phase in run.phases] == ["build", "warmup", "prepare", "train"]
        assert not run.phases[-1].synchronised
    assert failed[-1].phases[-1].name == "train"
    assert after.status == "completed"
    assert "warmup" in {phase.name for phase in after.phases}


@pytest.mark.slow
def test_a_failing_warm_up_is_the_run_s_failure() -> None:
    (run,) = series(10, name="cold")
    assert (run.status, run.reason) == ("failed", "ERROR")
    assert "RuntimeError: no compiler" in (run.message or "")


@pytest.mark.slow
def test_a_process_that_does_nothing_more_is_no_hang() -> None:
    (run,) = series(30, timeouts=Timeouts(rank=5, silence=60))
    assert (run.status, run.reason) == ("failed", "ERROR")
    assert re.match("rank 0 of 2: .*[Tt]imed out", run.message or ""), run.message
    train = run.phases[-1]
    assert train.name == "train"
    assert 4 < train.seconds < 30


@pytest.mark.slow
def test_a_parent_that_hears_nothing_any_more_ends_the_run() -> None:
    """The ranks wait an hour for each other, the parent three seconds."""
    (run,) = series(40, timeouts=Timeouts(rank=3600, silence=3))
    assert (run.status, run.reason) == ("failed", "ERROR")
    assert "rank 0, 1 of 2" in (run.message or "")
    assert "3 s" in (run.message or "")


def test_gpus_that_never_start_cost_half_an_hour_at_most() -> None:
    """A warm-up is a few steps, and imports take minutes."""
    assert {timeouts.start for timeouts in TIMEOUTS.values()} == {1800}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_and_leaves_the_record_of_the_broken_run(number: signal.Signals) -> None:
    interrupts = Interrupts()

    class Watching(Progress):
        def phase(self, name: str) -> None:
            if name == "train":
                os.kill(os.getpid(), number)

    measurement = Measurement(Cifar10(*NO_IMAGES, *NO_IMAGES), CPU, Watching(quiet=True), interrupts, gpus=2)
    with interrupts.listening():
        (run,) = measurement.runs([Scripted("scripted", "", 0.94)], 3, first_seed=40)
    assert (run.status, run.reason) == ("interrupted", "USER")
    assert number.name in (run.message or "")
    assert run.phases[-1].name == "train"
    assert not run.valid


@pytest.mark.slow
def test_a_worker_ends_when_its_parent_is_killed() -> None:
    """The parent is a process of its own, which is killed while its workers train."""
    script = """if True:
        import sys
        from tests.support.parallel_recipes import CPU, Scripted
        import numpy as np
        from bench.measure.distributed import Processes
        from bench.measure.recorder import Clock, Recorder
        from bench.measure.progress import Progress
        from bench.training.data import Cifar10
        none = np.zeros((0, 3, 32, 32), np.uint8), np.zeros(0, np.uint8)
        both = Processes(Scripted("scripted", "", 0.94), Cifar10(*none, *none), CPU, 2)
        print(*both.pids, flush=True)
        both.run(40, Recorder(Clock(lambda: None), Progress(quiet=True)))
    """
    path = os.pathsep.join(sys.path)
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 120
    while any(lives(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(lives(pid) for pid in pids)


def test_a_recipe_for_one_gpu_is_refused_more_and_the_others_are_named() -> None:
    with pytest.raises(UsageError, match=r"quick .*: fastai-wrn$"):
        check([find("quick")], 2, CPU, device="cpu")
    check([find("quick")], 1, CPU, device="cpu")


def test_gpus_that_are_not_there_are_refused() -> None:
    recipe = Scripted("scripted", "", 0.94)
    with pytest.raises(UsageError, match=r"--device cpu .* 8 "):
        check([recipe], 8, CPU, device="auto")
    cuda = replace(CPU, device=torch.device("cuda", 0))
    with pytest.raises(UsageError, match="1000 GPUs"):
        check([recipe], 1000, cuda, device="cuda")


def test_torchrun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(UsageError, match=r"torchrun .* --gpus"):
        check([find("quick")], 1, CPU, device="cpu")
