"""myrtle and myrtle-tricks against their published numbers; sizes and lengths are in test_published_numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.recipes import myrtle, myrtle_tricks, myrtle_tricks_13ep
from bench.training.data import Cifar10
from bench.training.layers import GhostBatchNorm, Scale
from bench.training.optimisers import ScheduledSgd
from tests.support.learning import CPU

TEN, THIRTEEN = myrtle_tricks.Settings(width=8, batch=64), myrtle_tricks_13ep.SETTINGS


@pytest.fixture(scope="module")
def tricks(noise: Cifar10) -> myrtle_tricks.Trainer:
    torch.manual_seed(0)
    return myrtle_tricks.Trainer(noise, CPU, TEN)


@pytest.mark.parametrize(
    ("settings", "epoch", "lr"),
    [
        (myrtle.Settings(), 0, 0),
        (myrtle.Settings(), 2.5, 0.2),
        (myrtle.Settings(), 5, 0.4),
        (myrtle.Settings(), 14.5, 0.2),
        (myrtle.Settings(), 24, 0),
        (myrtle_tricks.Settings(), 0, 0),
        (myrtle_tricks.Settings(), 1, 0.5),
        (myrtle_tricks.Settings(), 2, 1),
        (myrtle_tricks.Settings(), 5, 0.55),
        (myrtle_tricks.Settings(), 8, 0.1),
        (myrtle_tricks.Settings(), 10, 0.1),
        (THIRTEEN, 1.3, 0.5),
        (THIRTEEN, 2.6, 1),
        (THIRTEEN, 11, 0.1),
        (THIRTEEN, 13, 0.1),
    ],
    ids=lambda value: getattr(value, "__module__", None) or str(value),
)
def test_the_learning_rate_at_an_epoch(
    settings: myrtle.Settings | myrtle_tricks.Settings, epoch: float, lr: float
) -> None:
    """For the mean loss, of the step that reaches the epoch; SGD is given that of the sum over 512 images."""
    steps = round(settings.epochs * 97)
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), GhostBatchNorm(2, 32))
    optimiser: ScheduledSgd = (
        myrtle.SummedSgd(network, settings, CPU)
        if isinstance(settings, myrtle.Settings)
        else myrtle_tricks.AveragedSgd(network, settings, CPU)
    )
    optimiser.schedule(round(epoch * 97) - 1, steps)
    *biases, others = optimiser.sgd.param_groups
    assert others["lr"] * 512 == pytest.approx(lr, abs=2e-3)  # 2.6 epochs are no whole step
    assert others["weight_decay"] / 512 == pytest.approx(5e-4)
    assert (others["momentum"], others["nesterov"]) == (0.9, True)
    for group in biases:
        assert group["lr"] == pytest.approx(64 * others["lr"])
        assert group["weight_decay"] == pytest.approx(others["weight_decay"] / 64)


@pytest.mark.parametrize(
    ("trainer", "factor", "cutout"),
    [
        (lambda noise: myrtle.Trainer(noise, CPU, myrtle.Settings(width=8, batch=64)), 0.125, 8),
        (lambda noise: myrtle_tricks.Trainer(noise, CPU, TEN), 1 / 16, 0),
        (lambda noise: myrtle_tricks_13ep.build(noise, CPU), 1 / 16, 5),
    ],
    ids=["myrtle", "tricks", "tricks-13ep"],
)
def test_logits_are_scaled_and_images_cropped_from_a_border_of_four_flipped_and_cut_out(
    noise: Cifar10, trainer: Callable[[Cifar10], Any], factor: float, cutout: int
) -> None:
    training = trainer(noise)
    assert [module.factor for module in training.network.modules() if isinstance(module, Scale)] == [factor]
    batches = training.prepare(torch.Generator().manual_seed(0))
    assert (batches.cutout, batches.first_flip, batches.padded.shape[1:]) == (cutout, None, (40, 40, 3))


def test_the_whitening_of_the_tricks_is_27_frozen_filters_and_a_mixing_convolution(
    tricks: myrtle_tricks.Trainer,
) -> None:
    first: Any = tricks.network[0]
    whitening, mixed = first[0], first[1]
    assert whitening.weight.shape == (27, 3, 3, 3)
    assert not whitening.weight.requires_grad
    assert whitening.bias is None
    assert mixed.weight.shape == (8, 27, 1, 1)


def test_every_batch_norm_of_the_tricks_is_over_groups_of_32_with_its_scale_frozen(
    tricks: myrtle_tricks.Trainer,
) -> None:
    norms = [module for module in tricks.network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 8
    for norm in norms:
        assert isinstance(norm, GhostBatchNorm)
        assert norm.images == 32
        assert not norm.weight.requires_grad


def test_a_pool_stands_before_the_batch_norm_in_the_tricks_and_after_the_activation_in_the_entry(
    noise: Cifar10, tricks: myrtle_tricks.Trainer
) -> None:
    entry = myrtle.Trainer(noise, CPU, myrtle.Settings(width=8))

    def kinds(block: Any) -> list[str]:
        return [type(layer).__name__ for layer in block]

    assert kinds(tricks.network[1]) == ["Conv3x3", "MaxPool", "GhostBatchNorm", "CELU"]
    assert kinds(entry.network[1]) == ["Conv3x3", "BatchNorm2d", "ReLU", "MaxPool"]


def test_the_average_of_the_tricks_moves_every_five_steps_and_is_what_is_tested(noise: Cifar10) -> None:
    """It keeps 0.99^5 of itself. The trained weights come back after the test."""
    trainer = myrtle_tricks.Trainer(noise, CPU, TEN)
    head: Any = trainer.network[-2]
    torch.nn.init.zeros_(head.weight)
    optimiser = trainer.optimiser()
    for step in range(12):
        torch.nn.init.constant_(head.weight, step + 1)
        optimiser.schedule(step, 12)
        optimiser.step()
        optimiser.after_step(step, 12)
    keep = 0.99**5
    with trainer.averaged():
        assert head.weight.flatten()[0].item() == pytest.approx(keep * (1 - keep) * 5 + (1 - keep) * 10)
    assert head.weight.flatten()[0].item() == 12
