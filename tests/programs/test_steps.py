"""Steps that are counted anew in each epoch."""

from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from bench.programs.progress import Steps

Counts = list[Mapping[str, int]]


def absolute(counts: Counts) -> list[tuple[int | None, int | None, str]]:
    steps = Steps()
    return [steps.absolute(each) for each in counts]


@given(st.integers(2, 5), st.integers(2, 40), st.integers(0, 1), st.sampled_from(["of", "none"]))
def test_steps_within_epochs_add_up(epochs: int, length: int, first: int, total: str) -> None:
    said = {"of": length, "epochs": epochs} if total == "of" else {}
    counts: Counts = [
        {"epoch": epoch + first, "step": step, **said} for epoch in range(epochs) for step in range(1, length + 1)
    ]
    shown = absolute(counts)
    assert [step for step, _, _ in shown] == list(range(1, epochs * length + 1))
    assert {total for _, total, _ in shown[length:]} == {epochs * length if said else None}


@given(st.integers(1, 5), st.integers(2, 40))
def test_steps_that_go_on_over_epochs_stay_as_they_are(epochs: int, length: int) -> None:
    total = epochs * length
    counts: Counts = [{"epoch": (step - 1) // length, "step": step, "total": total} for step in range(1, total + 1)]
    assert absolute(counts) == [(step, total, "step") for step in range(1, total + 1)]


def test_an_epoch_on_a_line_of_its_own_counts_too() -> None:
    counts: Counts = [{"epoch": 1}, {"step": 10}, {"step": 20}, {"epoch": 2}, {"step": 10}, {"step": 20}]
    assert [step for step, _, _ in absolute(counts)] == [1, 10, 20, None, 30, 40]


def test_an_epoch_s_end_that_repeats_the_last_step_begins_none() -> None:
    counts: Counts = [
        {"step": 20},
        {"step": 40},
        {"epoch": 1, "step": 40},
        {"step": 60},
        {"step": 80},
        {"epoch": 2, "step": 80},
    ]
    assert [step for step, _, _ in absolute(counts)] == [20, 40, 40, 60, 80, 80]


def test_one_line_an_epoch_counts_anew() -> None:
    assert [step for step, _, _ in absolute([{"epoch": epoch, "step": 40} for epoch in (1, 2, 3)])] == [40, 80, 120]


def test_steps_that_fall_within_an_epoch_went_back() -> None:
    assert [step for step, _, _ in absolute([{"epoch": 1, "step": s} for s in (10, 20, 5, 15)])] == [10, 20, 5, 15]


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"step": 3, "of": 400}, (3, 400, "step")),
        ({"step": 3, "of": 40, "epoch": 1}, (3, None, "step")),  # of the run, or of its first epoch
        ({"step": 3, "of": 40, "epoch": 1, "epochs": 1}, (3, 40, "step")),
        ({"step": 3, "total": 400, "epoch": 1}, (3, 400, "step")),
        ({"sample": 640, "epoch": 1}, (640, None, "sample")),
        ({"epoch": 2, "epochs": 9}, (2, 9, "epoch")),
        ({"total": 400}, (None, 400, "step")),
        ({"epochs": 9}, (None, 9, "epoch")),
        ({}, (None, None, "step")),
    ],
)
def test_what_one_line_says(counts: Mapping[str, int], shown: tuple[int | None, int | None, str]) -> None:
    assert absolute([counts]) == [shown]
