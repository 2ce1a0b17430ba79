"""The paths that a warm-up tries: which it takes, what it says of the others, and what it does not swallow."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NoReturn

import numpy as np
import pytest
import torch
from torch import nn

from bench.measure.recording import Interrupted
from bench.recipes import airbench94_muon
from bench.record.documents import ExecutionPath
from bench.training.augment import Augmented
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.events import Diverged
from bench.training.loop import Training
from bench.training.optimisers import Optimiser
from bench.training.paths.way import Timer, candidates, paths
from tests.support.learning import CPU
from tests.support.small_recipes import small

IMAGES, LABELS = np.zeros((4, 3, 8, 8), np.uint8), np.zeros(4, np.uint8)


class Rehearsed(Training):
    """Each path takes its seconds a step, or raises its error."""

    def __init__(
        self, path: ExecutionPath, script: dict[ExecutionPath, float | BaseException], uncompiled: str | None = None
    ) -> None:
        compute = Compute(torch.device("cpu"), torch.float32, path, uncompiled=uncompiled)
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 10))
        super().__init__(Cifar10(IMAGES, LABELS, IMAGES, LABELS), compute, network, batch=2, epochs=1)
        self.script, self.rehearsed = script, list[ExecutionPath]()

    def _rehearse(self) -> Timer:
        self.rehearsed.append(self.way.compute.path)
        outcome = self.script[self.way.compute.path]
        if isinstance(outcome, BaseException):
            raise outcome
        return lambda: outcome

    def prepare(self, generator: torch.Generator) -> Augmented:
        return self.augmented(generator, pad=0)

    def optimiser(self) -> Optimiser:
        return _never()


def _never() -> NoReturn:
    raise AssertionError("nothing is trained here")


@pytest.mark.parametrize(
    ("device", "path", "tried"),
    [
        ("cuda", "compiled-captured", ("compiled-captured", "captured", "eager")),
        ("cuda", "captured", ("captured", "eager")),
        ("cuda", "compiled", ("compiled", "eager")),
        ("cuda", "eager", ("eager",)),
        ("cpu", "compiled", ("compiled", "eager")),
        ("cpu", "captured", ("captured", "eager")),
        ("cpu", "eager", ("eager",)),
    ],
)
def test_the_paths_go_from_the_one_named_to_eager(
    device: str, path: ExecutionPath, tried: tuple[ExecutionPath, ...]
) -> None:
    assert paths(Compute(torch.device(device), torch.float32, path)) == tried


@pytest.mark.parametrize(("compiled", "captured", "fastest"), [(1.0, 2.0, "compiled-captured"), (2.0, 1.0, "captured")])
def test_the_faster_path_stays_and_both_are_known(compiled: float, captured: float, fastest: ExecutionPath) -> None:
    """Eager is the last resort: it is not tried where another works."""
    training = Rehearsed("compiled-captured", {"compiled-captured": compiled, "captured": captured})
    training.warm_up()
    assert training.rehearsed == ["compiled-captured", "captured"]
    assert training.compute.path == training.way.compute.path == fastest
    assert training.way.compute.memory is training.compute.memory
    names = ("compiled-captured float32", "captured float32")
    assert training.compared == dict(zip(names, (compiled, captured), strict=True))
    assert training.notes == []


def test_a_path_that_raises_falls_to_the_next_with_a_note() -> None:
    training = Rehearsed("compiled-captured", {"compiled-captured": RuntimeError("no ptxas\nhere"), "captured": 1.0})
    training.warm_up()
    assert training.compute.path == "captured"
    assert training.compared == {}
    (note,) = training.notes
    assert "compiled-captured" in note
    assert "RuntimeError: no ptxas" in note
    assert "\n" not in note


def test_a_gpu_whose_steps_are_not_compiled_says_why() -> None:
    training = Rehearsed("captured", {"captured": 1.0}, uncompiled="RuntimeError: Failed to find C compiler")
    training.warm_up()
    assert training.compute.path == "captured"
    assert training.notes == ["the path compiled-captured fails here: RuntimeError: Failed to find C compiler"]


@pytest.mark.parametrize(
    ("compiled", "captured", "path"),
    [
        (1.90, 1.91, "compiled-captured"),
        (0.0, 0.0, "compiled-captured"),
        (1.90, 2.05, "captured"),
        (2.05, 1.90, "captured"),
    ],
)
def test_a_faster_path_with_another_loss_after_the_same_steps_is_not_taken(
    compiled: float, captured: float, path: ExecutionPath
) -> None:
    losses: dict[ExecutionPath, float] = {"compiled-captured": compiled, "captured": captured}

    class Losing(Rehearsed):
        def _rehearse(self) -> Timer:
            self.way.loss = losses[self.way.compute.path]
            return super()._rehearse()

    training = Losing("compiled-captured", {"compiled-captured": 1.0, "captured": 2.0})
    training.warm_up()
    assert training.compute.path == path
    assert (training.compared == {}, len(training.notes)) == (path == "captured",) * 2


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_path_whose_loss_is_no_number_after_a_few_steps_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, loss: float
) -> None:
    """Else every run would end as diverged. A processor plays the GPU, and takes plain steps."""
    monkeypatch.setattr(Compute, "is_cuda", property(lambda compute: True))
    monkeypatch.setattr(Compute, "synchronise", lambda compute: None)
    monkeypatch.setattr(Compute, "newton_schulz_dtype", torch.float32)
    training = small(airbench94_muon, CPU)
    training.warm_up(["eager"])
    assert training.way.loss is not None
    assert 0 < training.way.loss < 3
    training = small(airbench94_muon, CPU)
    monkeypatch.setattr(training, "mean_loss", lambda _: loss)
    with pytest.raises(Diverged):
        training.warm_up(["eager"])


def test_the_last_resort_is_eager_and_it_keeps_no_memory() -> None:
    error = RuntimeError("no")
    training = Rehearsed("compiled-captured", {"compiled-captured": error, "captured": error, "eager": 3.0})
    training.warm_up()
    assert training.rehearsed == ["compiled-captured", "captured", "eager"]
    assert (training.compute.path, training.compute.memory, len(training.notes)) == ("eager", None, 2)


def test_where_eager_fails_too_its_error_is_raised() -> None:
    training = Rehearsed("compiled", {"compiled": RuntimeError("no compiler"), "eager": ValueError("no network")})
    with pytest.raises(ValueError, match="no network"):
        training.warm_up()


def test_a_second_path_that_memory_does_not_suffice_for_leaves_the_first() -> None:
    """What both together need is more than a run does."""
    training = Rehearsed("compiled-captured", {"compiled-captured": 1.0, "captured": torch.OutOfMemoryError("2 GiB")})
    training.warm_up()
    assert training.rehearsed == ["compiled-captured", "captured"]
    assert training.compute.path == training.way.compute.path == "compiled-captured"
    assert training.way.compute.memory is training.compute.memory
    assert training.compared == {}
    (note,) = training.notes
    assert "captured" in note
    assert "2 GiB" in note


@pytest.mark.parametrize(
    "trouble",
    [
        torch.OutOfMemoryError("2 GiB"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        Interrupted("SIGTERM"),
        KeyboardInterrupt(),
    ],
)
def test_a_lack_of_memory_and_a_signal_end_the_warm_up(trouble: BaseException) -> None:
    training = Rehearsed("compiled-captured", {"compiled-captured": trouble})
    with pytest.raises(type(trouble)):
        training.warm_up()
    assert training.rehearsed == ["compiled-captured"]
    assert training.notes == []


def test_a_processor_is_held_against_plain_steps_where_a_recipe_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaved, and by the least of several turns. What a caller names himself is not compared."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    found = Compute(torch.device("cpu"), torch.float32, "compiled", winograd=True, open=True)
    tried = [(each.path, each.precision, each.winograd) for each in candidates(found)]
    assert tried == [
        ("compiled", torch.float32, True),
        ("eager", torch.bfloat16, False),
        ("eager", torch.float32, False),
    ]
    assert [each.path for each in candidates(replace(found, path="eager"))] == ["eager"]
    assert [each.path for each in candidates(replace(found, open=False))] == ["compiled", "eager"]


def test_where_torch_lacks_one_dnn_bfloat16_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", torch.ops.a_library_that_is_not_there)
    found = Compute(torch.device("cpu"), torch.float32, "compiled", open=True)
    tried = [(each.path, each.precision) for each in candidates(found)]
    assert tried == [("compiled", torch.float32), ("eager", torch.float32)]
