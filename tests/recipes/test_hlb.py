"""hlb against its published numbers; size and length are in test_published_numbers."""

from typing import Any

import pytest
import torch

from bench.recipes.hlb import CutMix, ImpliedResidual, Settings, Trainer
from bench.training.data import Cifar10
from bench.training.layers import Scale, Whitening
from tests.support.learning import CPU

PEAK = 1.525 / 1024


@pytest.fixture
def small(noise: Cifar10) -> Trainer:
    torch.manual_seed(0)
    trainer = Trainer(noise, CPU, Settings(widths=(8, 8, 8), batch=128))
    trainer.reset()
    return trainer


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0), (10, 10 / 23), (23, 1), (50, 1 - 0.93 * 27 / 77), (99, 0.07 + 0.93 / 77)], ids=str
)
def test_the_learning_rate_starts_from_nothing_and_biases_learn_64_times_faster(
    small: Trainer, step: int, share: float
) -> None:
    """Shares of the peak in a run of 100 steps."""
    optimiser = small.optimiser()
    optimiser.schedule(step, 100)
    biases, others = optimiser.sgd.param_groups
    assert others["lr"] == pytest.approx(share * PEAK)
    assert biases["lr"] == pytest.approx(64 * share * PEAK)
    assert (others["momentum"], others["nesterov"]) == (0.85, True)


def test_weight_decay_is_that_of_the_publication(noise: Cifar10) -> None:
    """There the rate is 1.525 / 512 and the decay 6.687e-4 x 1,024, for biases x 64 and / 64: the product counts."""
    optimiser = Trainer(noise, CPU, Settings(widths=(8, 8, 8))).optimiser()
    optimiser.schedule(23, 100)
    for group in optimiser.sgd.param_groups:
        assert group["lr"] * group["weight_decay"] == pytest.approx(1.525 / 512 * 6.687e-4 * 1024)


def test_the_average_keeps_0_95_to_the_fifth_of_itself_in_the_end(small: Trainer) -> None:
    optimiser = small.optimiser()
    for done, share in ((5, 0.0), (290, (290 / 581) ** 3), (580, (580 / 581) ** 3)):
        assert optimiser.decay(done / 581) == pytest.approx(0.95**5 * share, abs=1e-6)


def test_the_first_conv_of_a_group_carries_the_identity_and_the_second_is_it(small: Trainer) -> None:
    images = torch.randn(2, 8, 6, 6)
    groups: Any = small.network[2:5]
    for group in groups:
        assert isinstance(group[0], ImpliedResidual)
        assert torch.allclose(group[4](images), images, atol=1e-6)


def test_an_implied_residual_adds_the_identity_and_keeps_mean_and_deviation() -> None:
    conv = ImpliedResidual(8, 16)
    torch.manual_seed(3)
    conv.reset_parameters()
    torch.manual_seed(3)
    weight, start = conv.weight.detach(), torch.nn.Conv2d(8, 16, 3, bias=False).weight.detach()
    for got, right in zip(torch.std_mean(weight), torch.std_mean(start), strict=True):
        assert got.item() == pytest.approx(right.item(), abs=1e-6)
    # Up to one factor and one shift for all, the difference is the identity.
    identity = torch.nn.init.dirac_(torch.empty_like(weight))
    together = torch.stack([weight.flatten(), (start + identity).flatten()])
    assert torch.corrcoef(together)[0, 1].item() == pytest.approx(1, abs=1e-5)


def test_the_whitening_is_twelve_frozen_filters_and_their_negatives_without_bias(small: Trainer) -> None:
    small.prepare(torch.Generator().manual_seed(0))
    whitening = small.network[0]
    assert isinstance(whitening, Whitening)
    assert whitening.weight.shape == (24, 3, 2, 2)
    assert torch.equal(whitening.weight[:12], -whitening.weight[12:])
    assert not whitening.weight.requires_grad
    assert whitening.bias is None


def test_logits_are_a_ninth(small: Trainer) -> None:
    assert [module.factor for module in small.network.modules() if isinstance(module, Scale)] == [1 / 9]


def mixing(n: int, size: int = 8) -> CutMix:
    """Images all of one value each, which is their label; no crop, and a flip changes nothing."""
    images = (torch.arange(n) * 20).to(torch.uint8)[:, None, None, None].expand(n, size, size, 3)
    return CutMix(
        images,
        torch.arange(n),
        batch=n,
        pad=0,
        flip="random",
        compute=CPU,
        generator=torch.Generator().manual_seed(1),
        side=3,
        start=0,
    )


def value(image: torch.Tensor) -> float:
    """The most frequent value of an image [h, w]."""
    return round(image.flatten().mode().values.item(), 4)


def test_cutmix_replaces_a_square_by_that_of_another_image_with_its_share_of_the_label_anywhere() -> None:
    batches, places = mixing(10), set()
    for _ in range(60):
        ((images, shares),) = list(batches)
        label_of = {value(image[0]): share.argmax().item() for image, share in zip(images, shares, strict=True)}
        for image, share in zip(images[:, 0], shares, strict=True):
            square = (image.double() - value(image)).abs() > 1e-3
            if not square.any():  # the image meets itself
                assert share.max() == 1
                continue
            rows, columns = square.nonzero(as_tuple=True)
            top, left = rows.min().item(), columns.min().item()
            assert square[top : top + 3, left : left + 3].all()
            assert square.sum() == 9
            assert share[label_of[value(image[square])]].item() == pytest.approx(9 / 64)
            assert share.max().item() == pytest.approx(55 / 64)
            places.add((top, left))
    assert places == {(top, left) for top in range(6) for left in range(6)}


@pytest.mark.parametrize(("epochs", "first"), [(12.1, 7), (12.0, 6), (4.0, 0)])
def test_cutmix_is_for_the_epochs_that_begin_within_the_last_six(noise: Cifar10, epochs: float, first: int) -> None:
    trainer = Trainer(noise, CPU, Settings(widths=(8, 8, 8), batch=128, epochs=epochs))
    batches = trainer.prepare(torch.Generator().manual_seed(0))
    mixed = [next(iter(list(batches)))[1].is_floating_point() for _ in range(first + 2)]
    assert mixed == [epoch >= first for epoch in range(first + 2)]


def test_the_loss_of_shares_is_the_share_of_the_losses(small: Trainer) -> None:
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    small.network.eval()
    shares = torch.nn.functional.one_hot(labels, 10).float()
    swapped = shares.flip(0)
    with torch.no_grad():
        assert small.loss(images, shares) == pytest.approx(small.loss(images, labels).item(), rel=1e-5)
        mixed = small.loss(images, 0.75 * shares + 0.25 * swapped).item()
        parts = 0.75 * small.loss(images, labels).item() + 0.25 * small.loss(images, labels.flip(0)).item()
    assert mixed == pytest.approx(parts, rel=1e-5)
