"""Steps in a line that are named, and those that are not."""

from __future__ import annotations

import pytest

from bench.programs.progress import Source, Watched
from bench.programs.reading.line import counts_of
from bench.programs.sources import open_sources
from bench.programs.sources.key_value import KeyValue


def steps_in(source: Source, *lines: str) -> list[int | None]:
    points = [source.line(line, 1.0) for line in lines]
    return [None if point is None else point.step for point in points]


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("[{}/60] loss=0.5", [1, 2]),
        ("{}/60: loss 0.5", [1, 2]),
        ("10:00:00 INFO [ {}/60] loss: 0.5", [1, 2]),
        ("  batch {} loss: 0.5", [1, 2]),
        ("steps: {}, loss: 0.5", [1, 2]),
        ("loss: 2.3  [    {}/60000]", [1, 2]),
        ("[{}/3] downloading, took: 5 s", [None, None]),
        ("batch size {} loss: 0.5", [None, None]),
        ("[{}/1] loss=0.5", [1, None]),
        ("{}/26 10:00:00 loss: 0.5", [None, None]),
        ("loss: 0.5, right: 9/10 [{}/10", [None, None]),
        ("Test: [{}/60] loss: 0.5", [None, None]),
        ("fps step: {} fps total: 5", [None, None]),
    ],
)
def test_a_count_without_a_name_is_a_step_beside_a_result(line: str, steps: list[int | None]) -> None:
    assert steps_in(KeyValue(Watched()), line.format(1), line.format(2)) == steps


def test_it_is_none_where_the_program_names_its_steps() -> None:
    lines = ("step 100 loss 0.5", "[1/3] loss: 0.4", "step 200 loss 0.3")
    assert steps_in(KeyValue(Watched()), *lines) == [100, None, 200]


def test_batches_of_epochs_that_have_a_line_of_their_own() -> None:
    lines = [line for epoch in (1, 2) for line in (f"EPOCH {epoch}:", "  batch 50 loss: 0.5", "  batch 100 loss: 0.4")]
    assert steps_in(KeyValue(Watched()), *lines) == [1, 50, 100, None, 150, 200]


@pytest.mark.parametrize("values", ["{'loss': 0.5}", '{"loss": 0.5}'])
@pytest.mark.parametrize(
    ("before", "step", "unit", "total"),
    [
        ("step 120/400: ", 120, "step", 400),
        ("10:00:00 INFO Epoch 3/10 - ", 3, "epoch", 10),
        ("Epoch 3, step 5: ", 5, "step", None),
        ("[Eval] step 5: ", None, "step", None),
        ("every 5 steps ", None, "step", None),
    ],
)
def test_an_object_may_stand_behind_its_step(
    values: str, before: str, step: int | None, unit: str, total: int | None
) -> None:
    points = [point for source in open_sources(Watched()) if (point := source.line(before + values, 1.0))]
    assert [(point.step, point.unit, point.total, point.metrics["loss"]) for point in points] == [
        (step, unit, total, 0.5)
    ]


def test_the_first_of_several_counts_is_no_rate() -> None:
    assert counts_of("epoch 2 step 7/9", None) == [("epoch", "2"), ("step", "7"), ("of", "9")]
    assert counts_of("12 steps per second", None) == []


def test_the_batch_before_a_bar_that_shows_results_behind_its_stroke_is_a_step() -> None:
    point = KeyValue(Watched()).line("Epoch [2/3]: [10/100]  10%|#         , loss=1.67 [00:01<00:10]", 1.0)
    assert point is not None
    assert (point.step, point.metrics) == (10, {"epoch": 2, "loss": 1.67})
