"""Test-time augmentation: the weights are those declared and each image is looked at on its own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.training.augment import normalise, reflect_pad
from bench.training.evaluate import (
    FLIP,
    FLIP_AND_SHIFT,
    PLAIN,
    Look,
    View,
    accuracy,
    evaluate_uncertain,
    logits,
)
from bench.training.layers import Conv3x3, GhostBatchNorm, GlobalMaxPool
from bench.training.paths.blocked import Blocked


def random_images(n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 8, 8, 3), generator=torch.Generator().manual_seed(2)).to(torch.uint8)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10)
    ).eval()


def look_of(network: Callable[[torch.Tensor], torch.Tensor]) -> Look:
    return lambda images, views: logits(network, images, views, torch.float32)


@pytest.mark.parametrize("views", [PLAIN, FLIP, FLIP_AND_SHIFT])
def test_the_weights_of_the_views_sum_to_one(views: tuple[View, ...]) -> None:
    assert sum(view.weight for view in views) == 1.0


def test_six_views_are_the_centre_at_half_and_two_shifts_at_a_quarter_each_also_mirrored() -> None:
    images, net = random_images(5), network()
    padded = normalise(reflect_pad(images, 1), torch.float32)

    def both(x: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = 0.5 * net(x) + 0.5 * net(x.flip(-1))
        return mean

    with torch.no_grad():
        shifted = both(padded[:, :, 0:8, 0:8]) + both(padded[:, :, 2:10, 2:10])
        expected = 0.5 * both(padded[:, :, 1:9, 1:9]) + 0.25 * shifted
    assert torch.allclose(logits(net, images, FLIP_AND_SHIFT, torch.float32), expected, atol=1e-5)


def blocked() -> Blocked:
    """A network with batch norm, as a CPU computes it; it has seen other images in training."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        Conv3x3(3, 8), GhostBatchNorm(8, 4), torch.nn.ReLU(), GlobalMaxPool(), torch.nn.Linear(8, 10)
    )
    layers(torch.randn(8, 3, 8, 8))
    return Blocked(layers.eval(), compiled=False)


@pytest.mark.parametrize("make", [network, blocked])
def test_an_image_is_judged_the_same_whatever_stands_beside_it(make: Callable[[], Any]) -> None:
    images, net = random_images(6), make()
    together = logits(net, images, FLIP_AND_SHIFT, torch.float32)
    alone = torch.cat([logits(net, image[None], FLIP_AND_SHIFT, torch.float32) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)
    among_others = logits(net, torch.cat([images[3:], 255 - images]), FLIP_AND_SHIFT, torch.float32)
    assert torch.allclose(among_others[:3], together[3:], atol=1e-5)


def test_accuracy_is_the_share_of_right_answers_over_uneven_batches() -> None:
    images, net = random_images(7), network()
    truth = logits(net, images, PLAIN, torch.float32).argmax(1)
    truth[:2] = (truth[:2] + 1) % 10
    assert accuracy(look_of(net), images, truth, PLAIN, batch=3) == pytest.approx(5 / 7)


def test_a_second_look_changes_only_the_answers_in_doubt_whatever_the_other_images_are() -> None:
    images, net = random_images(700), network()  # more than are looked at once more at once
    first, second = (logits(net, images, views, torch.float32) for views in (PLAIN, FLIP_AND_SHIFT))
    probability = first.softmax(1).amax(1)
    sure = probability.quantile(0.9).item()
    expected = torch.where(probability < sure, second.argmax(1), first.argmax(1))
    assert not torch.equal(expected, first.argmax(1))
    assert not torch.equal(expected, second.argmax(1))

    def share(sure: float, labels: torch.Tensor) -> float:
        return evaluate_uncertain(look_of(net), images, labels, PLAIN, FLIP_AND_SHIFT, sure)

    assert share(sure, expected) == 1.0
    assert share(0.0, first.argmax(1)) == 1.0  # none in doubt
    assert share(1.1, second.argmax(1)) == 1.0  # all
