"""Augmentation: what comes out is a crop of the padded image, flipped, cut out and shared out as asked for."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from bench.training.augment import MEAN, STD, Augmented, normalise, reflect_pad, squares, zero_pad
from bench.training.device import Compute
from tests.support.learning import CPU


def random_images(n: int, size: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (n, size, size, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def loader(
    images: torch.Tensor, *, batch: int, pad: int = 0, seed: int = 0, compute: Compute = CPU, **options: Any
) -> Augmented:
    """Labels are the positions of the images, so that a batch tells which images it holds."""
    labels = torch.arange(len(images))
    generator = torch.Generator().manual_seed(seed)
    return Augmented(images, labels, batch=batch, pad=pad, compute=compute, generator=generator, **options)


def mirrored(batches: Augmented, images: torch.Tensor) -> list[bool]:
    """Which of `images` the next epoch, of one batch without shifts, shows mirrored; in their order."""
    plain = normalise(images, torch.float32)
    ((seen, labels),) = list(batches)
    is_plain = [torch.equal(image, plain[label]) for image, label in zip(seen, labels, strict=True)]
    is_mirror = [torch.equal(image, plain[label].flip(-1)) for image, label in zip(seen, labels, strict=True)]
    assert all(a != b for a, b in zip(is_plain, is_mirror, strict=True))
    return [flip for _, flip in sorted(zip(labels.tolist(), is_mirror, strict=True))]


def test_normalise_gives_mean_zero_and_deviation_one_for_the_dataset_statistics() -> None:
    mean = torch.tensor(MEAN) * 255
    std = torch.tensor(STD) * 255
    images = torch.stack([mean, mean + std, mean - std]).round().to(torch.uint8).view(3, 1, 1, 3)
    values = normalise(images, torch.float32)[:, :, 0, 0]
    expected = torch.tensor([[0.0] * 3, [1.0] * 3, [-1.0] * 3])
    assert torch.allclose(values, expected, atol=0.01)  # uint8 rounds by up to half a step


def test_a_normalised_batch_lies_channels_last() -> None:
    assert normalise(random_images(2), torch.float32).is_contiguous(memory_format=torch.channels_last)


def test_reflect_pad_agrees_with_torch() -> None:
    images = random_images(3)
    expected = torch.nn.functional.pad(images.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="reflect")
    assert torch.equal(reflect_pad(images, 2).permute(0, 3, 1, 2).float(), expected)


def test_an_epoch_shows_each_image_once_in_a_new_order() -> None:
    batches = loader(random_images(12), batch=4)
    first, second = (torch.cat([labels for _, labels in batches]) for _ in range(2))
    assert sorted(first.tolist()) == list(range(12))
    assert sorted(second.tolist()) == list(range(12))
    assert first.tolist() != second.tolist()


def test_the_incomplete_last_batch_is_dropped() -> None:
    batches = loader(random_images(11), batch=4)
    assert len(batches) == len(list(batches)) == 2


def test_alternating_flip_shows_every_image_both_ways_in_two_epochs() -> None:
    """Without shifts an image is seen as it is or mirrored; neighbouring epochs show the two, the next repeats."""
    images = random_images(40)
    batches = loader(images, batch=40)
    first, second, third = (mirrored(batches, images) for _ in range(3))
    assert [not flip for flip in first] == second
    assert first == third
    assert 5 < sum(first) < 35  # a fair coin: all but 1 in 10^6 of seeds


def test_random_flip_is_a_fair_coin_for_each_image_and_anew_each_epoch() -> None:
    images = random_images(40)
    batches = loader(images, batch=40, flip="random")
    epochs = [mirrored(batches, images) for _ in range(10)]
    # 400 tosses: five deviations are 50. Neighbouring epochs agree on half of the images.
    assert 150 < sum(map(sum, epochs)) < 250
    agree = sum(a == b for i in range(9) for a, b in zip(epochs[i], epochs[i + 1], strict=True))
    assert 130 < agree < 230
    assert all(0 < sum(image) < 10 for image in zip(*epochs, strict=True))


def test_a_black_border_is_zeros_around_the_image() -> None:
    images = random_images(2, size=3)
    padded = zero_pad(images, 2)
    assert padded.shape == (2, 7, 7, 3)
    assert torch.equal(padded[:, 2:5, 2:5], images)
    assert padded.sum() == images.sum()
    assert torch.equal(loader(images, batch=2, pad=2, border="zero").padded, padded)


def test_crops_are_windows_of_the_padded_image_and_every_shift_occurs() -> None:
    images = random_images(1, size=6).expand(600, -1, -1, -1)
    windows = {}
    padded = reflect_pad(images[:1], 2)
    for dy in range(5):
        for dx in range(5):
            for flip in (False, True):
                window = padded[:, dy : dy + 6, dx : dx + 6]
                window = window.flip(2) if flip else window
                windows[normalise(window, torch.float32).numpy().tobytes()] = (dy, dx, flip)
    ((seen, _),) = list(loader(images, batch=600, pad=2))
    shifts = [windows[image[None].contiguous(memory_format=torch.channels_last).numpy().tobytes()] for image in seen]
    assert len(set(shifts)) == 50  # 600 draws miss none of 50 but in 1 of 3,500 seeds


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    images = random_images(8)

    def batch(seed: int) -> torch.Tensor:
        return next(iter(loader(images, batch=8, pad=2, seed=seed)))[0]

    assert torch.equal(batch(3), batch(3))
    assert not torch.equal(batch(3), batch(4))


def holes(images: torch.Tensor, value: float) -> torch.Tensor:
    """Which pixels are `value` in all channels: bool [n, h, w]."""
    return (images == value).all(1)


def test_cutout_is_a_square_of_the_mean_at_every_place_inside_the_image_alike() -> None:
    """White images; what is cut out is 0 after normalisation."""
    images = torch.full((1800, 8, 8, 3), 255, dtype=torch.uint8)
    ((seen, _),) = list(loader(images, batch=1800, pad=2, cutout=3))
    cut = holes(seen, 0.0)
    places: Counter[tuple[int, int]] = Counter()
    for image in cut:
        rows, columns = image.nonzero(as_tuple=True)
        top, left = int(rows.min()), int(columns.min())
        assert image[top : top + 3, left : left + 3].all()
        assert len(rows) == 9
        places[top, left] += 1
    # 50 at each of 36 places on average; five deviations of 7.
    assert len(places) == 36
    assert min(places.values()) > 15
    assert max(places.values()) < 85


def test_without_cutout_nothing_is_cut_out() -> None:
    ((seen, _),) = list(loader(torch.full((4, 8, 8, 3), 255, dtype=torch.uint8), batch=4))
    assert not holes(seen, 0.0).any()


def test_a_square_can_fill_the_image() -> None:
    corner = torch.zeros(2, dtype=torch.long)
    assert squares(corner, corner, 5, 5).all()


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_shards_of_a_batch_are_together_the_batch_in_order(ranks: int) -> None:
    """All of it: order, crop, flip and hole, in the second epoch too."""
    load = partial(loader, random_images(20), batch=8, pad=2, cutout=2, flip="random")
    whole = load()
    shards = [load(compute=replace(CPU, rank=rank, ranks=ranks)) for rank in range(ranks)]
    for _ in range(2):
        for (seen, labels), *parts in zip(whole, *shards, strict=True):
            assert torch.equal(torch.cat([each for each, _ in parts]), seen)
            assert torch.equal(torch.cat([each for _, each in parts]), labels)
            assert {len(each) for _, each in parts} <= {8 // ranks, 8 // ranks + 1}
