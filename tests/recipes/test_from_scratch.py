"""A run depends on its seed and on nothing that was before it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.recipes import airbench94, airbench94_muon, hlb, myrtle, myrtle_tricks
from bench.training.data import Cifar10
from bench.training.events import Silent
from tests.support.learning import CPU

RECIPES: dict[Any, dict[str, Any]] = {
    airbench94: {"widths": (8, 8, 8)},
    airbench94_muon: {"widths": (8, 8, 8)},
    hlb: {"widths": (8, 8, 8)},
    myrtle: {"width": 8},
    myrtle_tricks: {"width": 8},
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_seed_gives_the_same_weights_whatever_was_before_and_another_seed_others(recipe: Any, noise: Cifar10) -> None:
    """Before: another run, and then a step broken off, which leaves gradients and moves running statistics."""
    trainer = recipe.Trainer(noise, CPU, recipe.Settings(batch=32, epochs=0.375, **RECIPES[recipe]))

    def trained(seed: int) -> torch.Tensor:
        trainer.run(seed, Silent())
        return torch.cat([value.flatten().float() for value in trainer.network.state_dict().values()])

    first, other = trained(1), trained(2)
    trainer.network.train()
    trainer.way.image_losses(torch.randn(8, 3, 32, 32), torch.arange(8)).sum().backward()
    assert torch.allclose(trained(1), first, atol=1e-5)
    assert not torch.allclose(other, first, atol=1e-2)
