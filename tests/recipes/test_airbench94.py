"""airbench94 against its published numbers; size, length and arithmetic are in test_published_numbers."""

import pytest
import torch

from bench.recipes.airbench94 import LookaheadSgd, Settings, Trainer
from bench.training.data import Cifar10
from bench.training.layers import BiasBatchNorm, Scale
from tests.support.learning import CPU

# 11.5 for 1,024 images, over the 1 + 1 / (1 - 0.85) that one gradient moves a weight by in all.
PEAK = 11.5 / 1024 / (1 + 1 / 0.15)


@pytest.fixture
def small(noise: Cifar10) -> Trainer:
    torch.manual_seed(0)
    trainer = Trainer(noise, CPU, Settings(widths=(8, 8, 8)))
    trainer.reset()
    return trainer


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.2), (23, 1), (50, 1 - 0.93 * 27 / 77), (99, 0.07 + 0.93 / 77)], ids=str
)
def test_the_learning_rate_rises_and_falls_and_biases_learn_64_times_faster(
    small: Trainer, step: int, share: float
) -> None:
    """Shares of the peak in a run of 100 steps."""
    optimiser = small.optimiser()
    optimiser.schedule(step, 100)
    biases, others = optimiser.sgd.param_groups
    assert others["lr"] == pytest.approx(share * PEAK)
    assert biases["lr"] == pytest.approx(64 * share * PEAK)


def test_weight_decay_is_decoupled_and_of_one_size_for_all(small: Trainer) -> None:
    """At the peak a step takes 0.0153 over the same 1 + 1 / (1 - 0.85) of every weight."""
    optimiser = small.optimiser()
    optimiser.schedule(23, 100)
    for group in optimiser.sgd.param_groups:
        assert group["lr"] * group["weight_decay"] == pytest.approx(0.0153 / (1 + 1 / 0.15))
        assert (group["momentum"], group["nesterov"]) == (0.85, True)


def test_the_fast_biases_are_the_six_batch_norms(small: Trainer) -> None:
    biases, _ = small.optimiser().sgd.param_groups
    norms = [module for module in small.network.modules() if isinstance(module, BiasBatchNorm)]
    assert [id(bias) for bias in biases["params"]] == [id(norm.bias) for norm in norms]
    assert len(norms) == 6


def without_gradients(optimiser: LookaheadSgd, weight: torch.Tensor, steps: int) -> list[float]:
    """`weight` is the number of the step before each step; what the optimiser makes of that, after each."""
    after = []
    for step in range(steps):
        torch.nn.init.constant_(weight, step + 1)
        optimiser.schedule(step, steps)
        optimiser.step()
        optimiser.after_step(step, steps)
        after.append(weight.flatten()[0].item())
    return after


def test_every_five_steps_the_network_goes_on_from_the_slow_weights_and_it_ends_on_them(small: Trainer) -> None:
    torch.nn.init.zeros_(small.network.head.weight)
    after = without_gradients(small.optimiser(), small.network.head.weight, 12)
    keeps = [0.95**5 * (done / 12) ** 3 for done in (5, 10)]
    fifth = 5 * (1 - keeps[0])
    tenth = keeps[1] * fifth + (1 - keeps[1]) * 10
    assert after == pytest.approx([1, 2, 3, 4, fifth, 6, 7, 8, 9, tenth, 11, tenth])


def test_the_whitening_bias_learns_for_three_of_9_9_epochs(small: Trainer) -> None:
    learns = []
    for step in range(476):
        small.set_stage(step / 476)
        learns.append(small.network.whitening.bias_learns)
    assert sum(learns) == pytest.approx(3 * 48, abs=1)
    assert learns == sorted(learns, reverse=True)


def test_logits_are_a_ninth(small: Trainer) -> None:
    assert [module.factor for module in small.network.modules() if isinstance(module, Scale)] == [1 / 9]


def test_flips_alternate_on_crops_from_a_border_of_two(small: Trainer) -> None:
    batches = small.prepare(torch.Generator().manual_seed(0))
    assert batches.first_flip is not None
    assert batches.padded.shape[1:] == (36, 36, 3)
