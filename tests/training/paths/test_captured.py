"""Tensors that lie where they lay in the run before."""

from __future__ import annotations

import pytest
import torch

from bench.training.paths.captured import Memory


def test_the_next_run_has_its_values_where_the_one_before_had_them() -> None:
    memory = Memory()
    runs = []
    for value in (1.0, 2.0):
        memory.begin()
        runs.append([memory.keep(torch.full((3,), value)), memory.keep(torch.full((2, 3), 10 * value))])
    first, second = runs
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert second[0].tolist() == [2, 2, 2]
    assert second[1].tolist() == [[20, 20, 20]] * 2


def test_what_a_run_asks_for_beyond_the_one_before_is_kept_from_then_on() -> None:
    memory = Memory()
    first = memory.keep(torch.zeros(2))
    memory.begin()
    assert memory.keep(torch.ones(2)) is first
    assert memory.keep(torch.ones(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(3, 2),  # the order of two tensors of equal rank
        torch.zeros(3),  # copy_ would stretch it
        torch.zeros(2, 3, dtype=torch.float16),  # and round, or widen it
        torch.zeros(2, 3, dtype=torch.int64),
    ],
    ids=lambda tensor: f"{tensor.dtype} {list(tensor.shape)}",
)
def test_another_tensor_in_the_place_of_one_is_an_error_and_changes_nothing(other: torch.Tensor) -> None:
    memory = Memory()
    kept = memory.keep(torch.ones(2, 3))
    memory.begin()
    with pytest.raises(ValueError, match="tensor 0"):
        memory.keep(other)
    assert kept.tolist() == [[1, 1, 1]] * 2
    assert memory.keep(torch.zeros(2, 3)) is kept


def test_what_is_made_once_is_made_once_for_all_runs() -> None:
    memory = Memory()
    made = [memory.once(key, object) for key in ("a", "b", "a")]
    memory.begin()
    assert made[0] is made[2] is memory.once("a", object)
    assert made[0] is not made[1]
