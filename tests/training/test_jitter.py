"""Colour jitter and rotation: what each factor does, how they are drawn, and that processes draw alike."""

import math
from dataclasses import replace

import pytest
import torch

from bench.training.augment import (
    Jittered,
    normalise,
    recolour,
    rotate,
)
from bench.training.device import Compute
from tests.support.learning import CPU


def images(n: int = 4, high: int = 256) -> torch.Tensor:
    return torch.randint(high, (n, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def factors(brightness: float = 1, contrast: float = 1, saturation: float = 1, n: int = 4) -> torch.Tensor:
    return torch.tensor([[float(brightness), contrast, saturation]]).expand(n, 3)


def luminance(x: torch.Tensor) -> torch.Tensor:
    return x.float() @ torch.tensor([0.299, 0.587, 0.114])


def test_factors_of_one_change_nothing() -> None:
    assert torch.allclose(recolour(images(), factors()), images().float(), atol=1e-3)


def test_brightness_multiplies_every_value_and_clips_at_white() -> None:
    x = images()
    assert torch.allclose(recolour(x, factors(brightness=1.25)), (x * 1.25).clamp(max=255), atol=1e-3)


def test_contrast_moves_values_away_from_the_mean_luminance() -> None:
    x = images(high=100) + 70  # nothing is clipped
    mean = luminance(x).mean((1, 2)).view(-1, 1, 1, 1)
    assert torch.allclose(recolour(x, factors(contrast=0.75)), mean + 0.75 * (x - mean), atol=1e-3)


def test_saturation_keeps_the_luminance_and_without_it_all_is_grey() -> None:
    x = images(high=100) + 70
    assert torch.allclose(luminance(recolour(x, factors(saturation=1.25))), luminance(x), atol=1e-2)
    grey = recolour(x, factors(saturation=0.0))
    assert torch.allclose(grey, luminance(x)[..., None].expand_as(grey), atol=1e-2)


@pytest.mark.parametrize("values", [(1.2, 1, 1), (1, 0.8, 1), (1, 1, 1.25), (0.9, 1.2, 0.75)])
def test_the_three_are_torchvision_s_up_to_rounding(values: tuple[float, float, float]) -> None:
    functional = pytest.importorskip("torchvision.transforms.functional")
    x = images(high=100) + 70
    wanted = x.permute(0, 3, 1, 2).float() / 255
    for adjust, factor in zip(("brightness", "contrast", "saturation"), values, strict=True):
        wanted = getattr(functional, f"adjust_{adjust}")(wanted, factor)
    assert torch.allclose(recolour(x, factors(*values)).permute(0, 3, 1, 2) / 255, wanted, atol=2e-3)


def test_a_quarter_turn_is_exact_and_no_turn_changes_nothing() -> None:
    x = images().float()
    assert torch.equal(rotate(x, torch.zeros(4)), x)
    assert torch.equal(rotate(x, torch.full((4,), math.pi / 2)), x.rot90(1, (1, 2)))


def test_two_degrees_move_the_corners_by_half_a_pixel_and_leave_black_behind() -> None:
    white = torch.full((1, 32, 32, 3), 255.0)
    turned = rotate(white, torch.tensor([math.radians(2)]))
    assert turned.unique().tolist() == [0, 255]
    assert (turned[0, 1:-1, 1:-1] == 255).all()
    assert 0 < (turned == 0).sum().item() / 3 < 4 * 32


def make(n: int = 400, colour: float = 0.25, degrees: float = 2.0, compute: Compute = CPU) -> Jittered:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 10
    return Jittered(
        images(n),
        labels,
        batch=100,
        pad=4,
        flip="random",
        compute=compute,
        generator=generator,
        colour=colour,
        degrees=degrees,
    )


def test_factors_and_angles_are_uniform_in_their_range_and_new_each_epoch() -> None:
    batches = make(n=20_000)
    next(iter(batches))
    first = batches.draws.clone()
    assert first.min() > -1
    assert first.max() < 1
    assert first.mean(0).abs().max() < 0.02
    assert first.var(0).sub(1 / 3).abs().max() < 0.02
    next(iter(batches))
    assert not torch.equal(first, batches.draws)


def test_without_colour_and_degrees_it_is_the_plain_augmentation() -> None:
    plain = make(colour=0.0, degrees=0.0)
    for seen, label in plain:
        assert seen.shape == (100, 3, 32, 32)
        assert seen.is_contiguous(memory_format=torch.channels_last)
        assert label.shape == (100,)
    # Shifted and flipped pixels of the padded image, and no others.
    assert torch.isin(seen[:, 0].mul(1000).round(), normalise(images(400), torch.float32)[:, 0].mul(1000).round()).all()


def test_two_processes_see_the_halves_of_what_one_sees() -> None:
    whole, *halves = (make(), *(make(compute=replace(CPU, rank=rank, ranks=2)) for rank in (0, 1)))
    for _ in range(2):
        for (images_, labels), *parts in zip(whole, *halves, strict=True):
            assert torch.equal(images_, torch.cat([part[0] for part in parts]))
            assert torch.equal(labels, torch.cat([part[1] for part in parts]))
