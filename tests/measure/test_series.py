"""A series of runs: each is recorded as it ends, however it ends, and the number of runs is fixed beforehand."""

import os
import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import pytest
import torch

from bench.errors import BenchError
from bench.host import process_start
from bench.measure.environment import Gpu
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.recipes import Recipe, Trainer, myrtle
from bench.record.documents import ExecutionPath, Run, from_bytes, policy_seconds, to_bytes
from bench.training.augment import Augmented
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.evaluate import View
from bench.training.events import Events
from bench.training.loop import Training
from bench.training.optimisers import Optimiser
from tests.support.scripted import CPU, NO_IMAGES, Scripted, train
from tests.support.small_recipes import small


def series(*recipes: Recipe, n: int = 1, early: bool = False) -> list[Run]:
    interrupts = Interrupts()
    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), interrupts)
    if early:
        began = process_start()
        assert began is not None
        measurement.early = [("setup", began, began + 0.5)]
    with interrupts.listening():
        runs = list(measurement.runs(recipes, n, first_seed=10))
    for run in runs:
        assert from_bytes(to_bytes(run), "x.json") == run  # whatever happened, the record can be stored
    return runs


def recipe(script: Callable[[int, Events], object], name: str = "scripted") -> Recipe:
    return Scripted(name, "", 0.94, script=script)


def test_recipes_are_interleaved_and_seeds_count_up() -> None:
    runs = series(Scripted("a", "", 0.94), Scripted("b", "", 0.94), n=2)
    assert [(run.label, run.seed) for run in runs] == [("a", 10), ("b", 10), ("a", 11), ("b", 11)]
    assert {run.series.planned for run in runs} == {2}
    assert [run.series.index for run in runs] == [0, 0, 1, 1]
    assert len({run.series.id for run in runs}) == 1


def test_a_completed_run_holds_what_the_recipe_told() -> None:
    (run,) = series(Scripted("a", "", 0.94))
    assert (run.status, run.hit, run.final_value, run.loss) == ("completed", True, 0.95, 1.0)
    assert (run.steps, run.images) == (1, 100)
    assert [phase.name for phase in run.phases] == ["build", "warmup", "prepare", "train", "final_evaluate"]
    assert policy_seconds(run, "airbench") is not None


def test_building_and_warming_up_happen_once_a_process() -> None:
    first, second = series(Scripted("a", "", 0.94), n=2)
    assert "warmup" in {phase.name for phase in first.phases}
    assert "warmup" not in {phase.name for phase in second.phases}


class Growing(Gpu):
    """A GPU that has used 100 J more whenever it is asked."""

    def __init__(self) -> None:
        self.joules = 0.0

    def energy_joules(self) -> float:
        self.joules += 100
        return self.joules

    def slowed_seconds(self) -> dict[str, float]:
        return {}

    def warnings(self, ours: Collection[int] = ()) -> list[str]:
        return []


def test_what_makes_a_recipe_ready_is_not_in_the_energy_of_its_first_run() -> None:
    gpu = Growing()

    class Warm(Scripted):
        def warm_up(self) -> None:
            gpu.energy_joules()

    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), Interrupts())
    measurement.gpu = [gpu]
    runs = list(measurement.runs([Warm("a", "", 0.94)], 2, first_seed=0))
    assert [run.energy_joules for run in runs] == [100, 100]


def test_only_the_first_run_of_a_process_is_a_cold_start_and_begins_with_the_process() -> None:
    first, second = series(Scripted("a", "", 0.94), n=2, early=True)
    assert (first.cold, second.cold) == (True, False)
    assert (first.phases[0].name, first.phases[0].start) == ("setup", 0.0)
    cold = policy_seconds(first, "cold")
    assert cold is not None
    assert cold >= 0.5
    assert policy_seconds(second, "cold") is None


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_as_failed(loss: float) -> None:
    (run,) = series(recipe(lambda seed, events: train(events, loss=loss)))
    assert (run.status, run.reason, run.loss) == ("failed", "DIVERGED", None)
    assert [phase.name for phase in run.phases][-1] == "train"


def test_a_failure_is_recorded_and_the_next_run_goes_on() -> None:
    def fail_first(seed: int, events: Events) -> None:
        if seed == 10:
            raise RuntimeError("the disk\nis full")
        train(events)

    first, second = series(recipe(fail_first), n=2)
    assert (first.status, first.reason, first.message) == ("failed", "ERROR", "RuntimeError: the disk")
    assert second.status == "completed"


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "Tried to allocate 2.00 GiB"),
        (RuntimeError("CUDA error: out of memory"), "CUDA error: out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "ALLOC_FAILED"),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "DEVICE_ALLOCATION_FAILED"),
        (RuntimeError("NCCL error: unhandled cuda error\nCuda failure 2 'out of memory'"), "NCCL error"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_running_out_of_memory_names_the_batch_and_the_next_run_goes_on(trouble: Exception, expected: str) -> None:
    def fail_first(seed: int, events: Events) -> None:
        if seed == 10:
            raise trouble
        train(events)

    first, second = series(recipe(fail_first), n=2)
    assert (first.status, first.reason) == ("failed", "OOM")
    assert (first.message or "").startswith("batch of 100: ")
    assert expected in (first.message or "")
    assert second.status == "completed"
    assert "build" in {phase.name for phase in second.phases}  # nothing of the failed one is kept


def test_a_processor_out_of_memory_says_how_much_was_needed() -> None:
    (run,) = series(recipe(lambda seed, events: torch.empty(2**60)))
    assert (run.status, run.reason) == ("failed", "OOM")
    assert str(4 * 2**60) in (run.message or "")


def test_a_recipe_that_cannot_be_built_fails_without_a_batch() -> None:
    @dataclass(frozen=True)
    class Big(Scripted):
        def build(self, data: Cifar10, compute: Compute) -> Trainer:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    big, small = series(Big("big", "", 0.94), Scripted("small", "", 0.94))
    assert (big.status, big.reason, big.message) == ("failed", "OOM", "CUDA out of memory.")
    assert small.status == "completed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_record_of_the_broken_run_and_ends_the_series(number: signal.Signals) -> None:
    def script(seed: int, events: Events) -> None:
        if seed == 10:
            train(events)
            return
        with events.phase("train", epoch=1):
            events.stepped(1, 9, 100)
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.5)
            raise AssertionError("the signal should have ended this")

    finished, broken = series(recipe(script), n=5)
    assert finished.status == "completed"
    assert (broken.status, broken.reason) == ("interrupted", "USER")
    assert number.name in (broken.message or "")
    assert (broken.steps, broken.phases[-1].name) == (1, "train")
    assert not broken.valid  # the device was not waited for when it broke off


def test_no_home_folder_gets_into_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    def script(seed: int, events: Events) -> None:
        raise ValueError("/home/somebody/secret.txt is missing")

    (run,) = series(recipe(script))
    assert run.message == "ValueError: ~/secret.txt is missing"


def test_a_run_whose_weights_change_in_its_final_evaluation_has_failed_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def adapting(training: Training) -> Training:
        def accuracy(views: tuple[View, ...]) -> float:
            for parameter in training.network.parameters():
                parameter.data.add_(1)
            return 0.95

        monkeypatch.setattr(training, "accuracy", accuracy)
        return training

    @dataclass(frozen=True)
    class Adapting(Scripted):
        def build(self, data: Cifar10, compute: Compute) -> Trainer:
            return adapting(small(myrtle, compute, steps=2))

    (run,) = series(Adapting("adapting", "", 0.94))
    assert (run.status, run.reason, run.hit) == ("failed", "ERROR", False)
    assert run.message is not None
    assert run.message.startswith("WeightsChangedError: ")
    assert "changed in the final evaluation" in run.message
    assert run.phases[-1].name == "final_evaluate"


class Tried(Training):
    """A training whose warm-up tried two paths, and a third that failed."""

    def warm_up(self, allowed: Sequence[ExecutionPath] | None = None) -> None:
        self.compared = {"compiled-captured": 0.002, "captured": 0.003}
        self.notes = ["the path compiled fails here"]

    def run(self, seed: int, events: Events) -> None:
        train(events)

    def prepare(self, generator: torch.Generator) -> Augmented:
        raise AssertionError("nothing is trained here")

    def optimiser(self) -> Optimiser:
        raise AssertionError("nothing is trained here")


def test_the_record_of_each_run_says_which_paths_were_tried_and_what_fell_out() -> None:
    @dataclass(frozen=True)
    class TwoPaths(Scripted):
        def build(self, data: Cifar10, compute: Compute) -> Trainer:
            return Tried(data, compute, torch.nn.Sequential(torch.nn.Linear(1, 1)), batch=100, epochs=1)

    runs = series(TwoPaths("two", "", 0.94), n=2)
    assert [run.device.compared for run in runs] == [{"compiled-captured": 0.002, "captured": 0.003}] * 2
    assert all("the path compiled fails here" in run.warnings for run in runs)


def test_a_cudnn_that_torch_objects_to_is_a_note_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As to any newer one where an old GPU is beside the one that trains."""

    def objects() -> int:
        raise RuntimeError("cuDNN version 92400 is not compatible with devices with SM < 7.5.")

    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), Interrupts())
    monkeypatch.setattr(torch.backends.cudnn, "version", objects)
    assert measurement._cudnn() is None
    (run,) = measurement.runs([Scripted("a", "", 0.94)], 1, first_seed=0)
    assert run.status == "completed"
    assert any("cuDNN version 92400" in warning for warning in run.warnings)


def test_a_recipe_that_compares_nothing_leaves_the_record_without() -> None:
    (run,) = series(Scripted("a", "", 0.94))
    assert run.device.compared == {}


@dataclass(frozen=True)
class Faulty(Compute):
    """A GPU that a kernel brings to an end: CUDA then answers everything with the same error."""

    faults: list[str] = field(default_factory=list)

    def synchronise(self) -> None:
        if self.faults:
            raise RuntimeError(self.faults[0])


def test_a_gpu_that_answers_no_more_ends_the_series_after_the_record_of_the_run_that_lost_it() -> None:
    compute = Faulty(CPU.device, CPU.precision, CPU.path)

    def script(seed: int, events: Events) -> None:
        if seed == 11:
            compute.faults.append("CUDA error: unspecified launch failure")
        train(events)

    interrupts, made = Interrupts(), list[tuple[int, str, str | None]]()
    measurement = Measurement(NO_IMAGES, compute, Progress(quiet=True), interrupts)
    runs = measurement.runs([recipe(script)], 5, first_seed=10)
    with interrupts.listening(), pytest.raises(BenchError) as error:
        made.extend((run.seed, run.status, run.message) for run in runs)
    assert made == [
        (10, "completed", None),
        (11, "failed", "RuntimeError: CUDA error: unspecified launch failure"),
    ]
    assert str(error.value) == "the GPU no longer responds to this process: 3 runs not executed; start them again"
