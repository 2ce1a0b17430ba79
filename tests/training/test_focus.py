"""Which images a run sees once it is focused on those that it has not learnt."""

from __future__ import annotations

import pytest
import torch

from bench.training.augment import Focused
from tests.support.learning import CPU

N = 100


@pytest.fixture
def focused() -> Focused:
    """100 images whose labels are their places, in batches of 10; focused on 40 % of them from the second epoch on."""
    return Focused(
        torch.zeros(N, 4, 4, 3, dtype=torch.uint8),
        torch.arange(N),
        start=1,
        share=0.4,
        batch=10,
        pad=0,
        compute=CPU,
        generator=torch.Generator().manual_seed(0),
    )


def epoch(focused: Focused) -> list[int]:
    """The images of an epoch; each has the greater a loss, the later it stands among the images."""
    seen = []
    for _, places in focused:
        focused.record_losses(places.float())
        seen += places.tolist()
    return seen


def test_before_its_start_every_image_is_seen_once(focused: Focused) -> None:
    assert sorted(epoch(focused)) == list(range(N))


def test_then_only_those_with_the_largest_losses_and_the_epoch_is_as_long(focused: Focused) -> None:
    epoch(focused)
    seen = epoch(focused)
    assert set(seen) == set(range(60, N))
    assert len(seen) == len(focused) * 10 == N
    assert {seen.count(image) for image in set(seen)} == {2, 3}
    assert sorted(seen[:40]) == list(range(60, N)), "no image a second time before all have come once"
    assert seen[:40] != seen[40:80], "in a new order each time"


def test_an_image_that_was_never_seen_counts_as_not_learnt(focused: Focused) -> None:
    focused.epoch = 1
    focused.losses[:90] = 0.0
    assert set(range(90, N)) <= set(epoch(focused))


def test_a_loss_is_that_of_the_last_time(focused: Focused) -> None:
    epoch(focused)
    for _, places in focused:
        focused.record_losses(torch.full((10,), -1.0) if 60 in places else places.float())
    learnt = {place for place in range(60, N) if focused.losses[place] == -1.0}
    assert 60 in learnt
    assert not learnt & set(epoch(focused))
