"""What a compiled recipe shows its network in a run, its warm-up has shown it: nothing is compiled on the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.recipes import airbench94_muon, speedrun
from bench.training.device import Compute
from bench.training.evaluate import SECOND_BATCH
from bench.training.events import Silent
from bench.training.loop import Training
from tests.support.small_recipes import all_but_one_slow, name_of, small

COMPILED = Compute(torch.device("cpu"), torch.float32, "compiled")

# What torch compiles a network anew for.
Seen = tuple[tuple[int, ...], bool, bool]


class Shown:
    """What is seen by networks that would be compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[Seen] = set()
        monkeypatch.setattr(torch, "compile", self.compile)

    def compile(self, network: torch.nn.Sequential, **options: Any) -> Callable[[Tensor], Tensor]:
        """In place of torch.compile: `network` as it is, and what it is shown is kept."""

        def called(images: Tensor) -> Tensor:
            self.seen.add((tuple(images.shape), network.training, torch.is_inference_mode_enabled()))
            result: Tensor = network(images)
            return result

        return called

    def by(self, work: Callable[[], object]) -> set[Seen]:
        """What `work` shows them."""
        self.seen = set()
        work()
        return self.seen


@pytest.mark.parametrize("module", all_but_one_slow(airbench94_muon), ids=name_of)
def test_each_shape_of_a_run_is_met_in_the_warm_up(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    trainer = small(module, COMPILED)
    met = shown.by(lambda: trainer.warm_up(["compiled"]))
    assert shown.by(lambda: trainer.run(0, Silent())) <= met


@pytest.mark.slow
def test_a_second_look_is_met_though_no_image_is_in_doubt_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    trainer = small(speedrun, COMPILED)
    set_sure(trainer, 0.0)
    met = shown.by(lambda: trainer.warm_up(["compiled"]))
    set_sure(trainer, 1.1)
    seen = shown.by(lambda: trainer.run(0, Silent()))
    assert SECOND_BATCH in {shape[0] for shape, *_ in seen}
    assert seen <= met


def set_sure(trainer: Training, probability: float) -> None:
    """Have images be in doubt below `probability`."""
    assert isinstance(trainer, speedrun.Trainer)
    trainer.settings = replace(trainer.settings, sure=probability)
