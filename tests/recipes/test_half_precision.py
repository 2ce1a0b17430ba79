"""Compiled in half precision no gradient of a recipe is lost: what a GPU computes first of all, here by a processor.

A compiled backward pass computes activations anew, unrounded. A gradient that looks among them for a value of the
forward pass, as that of torch.amax does, finds none and divides by 0. One recipe of each family stands for all: to
compile one takes half a minute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.recipes import bkj, myrtle_tricks, speedrun
from bench.training.device import Compute
from tests.support.learning import CPU
from tests.support.small_recipes import name_of, small


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [bkj, myrtle_tricks, speedrun], ids=name_of)
def test_gradients_of_a_compiled_network_are_numbers(recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Compute, "dtype", property(lambda compute: torch.float16))
    training = small(recipe, replace(CPU, path="compiled-captured"))
    training.fresh(0)
    batches = training.prepare(training.generator)
    batches.draw()
    training.set_stage(0)
    training.backward(training.loss(*batches.next()))
    learning = {name: each for name, each in training.network.named_parameters() if each.requires_grad}
    gradients = {name: each.grad for name, each in learning.items() if each.grad is not None}
    assert len(gradients) > len(learning) / 2
    assert [name for name, gradient in gradients.items() if not gradient.isfinite().all()] == []
