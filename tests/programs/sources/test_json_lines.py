"""JSON lines on stdout."""

from pathlib import Path

import pytest

from bench.programs.progress import Point, Watched
from bench.programs.sources.objects import JsonLines
from tests.support.progress_forms import JsonForm, LineForm
from tests.support.source_questions import LineQuestions


class TestJsonLines(LineQuestions):
    silent = (
        *LineQuestions.silent,
        '{"a": "b"}',
        '{"loss": null}',
        '{"loss": true}',
        '{"step": 1',
        "[1, 2]",
        "{'step': 1}",
    )

    def form(self, folder: Path) -> LineForm:
        return JsonForm(JsonLines, folder)


def read(text: str, at: float = 5.0, watched: Watched | None = None) -> Point | None:
    return JsonLines(watched or Watched()).line(text, at)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ('{"global_step": 7, "max_steps": 9, "lr": 3e-4}', Point(5, 7, 9, metrics={"lr": 3e-4})),
        ('[tune-metric]: {"iter": 3, "acc": 0.5}', Point(5, 3, metrics={"acc": 0.5})),
        ('INFO:root:{"train": {"loss": 0.5}, "trainer/global_step": 8}', Point(5, 8, metrics={"train/loss": 0.5})),
        (
            '{"epoch": 2, "num_epochs": 10, "val acc": "0.93"}',
            Point(5, 2, 10, "epoch", {"epoch": 2.0, "val_acc": 0.93}),
        ),
        ('{"samples_seen": 640, "loss": 1}', Point(5, 640, unit="sample", metrics={"loss": 1.0})),
        ('{ "step" : 4, "loss" : 2.5 }', Point(5, 4, metrics={"loss": 2.5})),
        ('{"phase": "evaluate"}', Point(5, phase="evaluate")),
        ('{"mode": "train", "iter": 10, "acc": 0.9}', Point(5, 10, metrics={"train_acc": 0.9})),
        ('Train: {"step": 10, "acc": 0.9}', Point(5, 10, metrics={"train_acc": 0.9})),
        ('INFO:root:valid {"step": 5, "acc": 0.7}', Point(5, metrics={"acc": 0.7})),
        ('{"mode": "val", "iter": 5, "acc": 0.7}', Point(5, metrics={"acc": 0.7})),
        ('{"loss": 2.5, "tokens/step": 524288, "step": 1}', Point(5, 1, metrics={"loss": 2.5, "tokens/step": 524288})),
        ('{"time/total_timesteps": 2048, "reward": 3}', Point(5, 2048, metrics={"reward": 3})),
        ('{"loss": 1' + "0" * 400 + "}", Point(5, metrics={"loss": float("inf")})),
        ('{"a": {"b": {"c": {"d": 1}}}, "x": 2}', Point(5, metrics={"x": 2.0})),
    ],
)
def test_what_an_object_says(text: str, point: Point) -> None:
    assert read(text) == point


def test_the_time_that_a_line_states_counts_where_it_is_of_this_run() -> None:
    watched = Watched(started=100.0, started_wall=1_764_115_200.0)
    times = {1_764_115_203.5: 103.5, 1_764_115_100.0: 110.0, 1_764_115_300.0: 110.0, 12.5: 110.0}
    shown = {time: read(f'{{"step": 1, "time": {time}}}', 110.0, watched) for time in times}
    assert {time: point and point.at for time, point in shown.items()} == times


def test_steps_of_each_epoch_are_added_up() -> None:
    source = JsonLines(Watched())
    shown = [source.line(f'{{"epoch": {e}, "step": {s}}}', 1.0) for e in range(3) for s in (10, 20, 30)]
    assert [point and point.step for point in shown] == [10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_epochs_in_fractions_count_nothing() -> None:
    source = JsonLines(Watched())
    shown = [source.line(f'{{"epoch": {epoch}}}', 1.0) for epoch in (0.5, 1.0, 1.5)]
    assert [(point.step, point.metrics) for point in shown if point] == [(None, {"epoch": e}) for e in (0.5, 1.0, 1.5)]


def test_very_deep_objects_are_no_mistake() -> None:
    assert read('{"a":' * 20_000 + "1" + "}" * 20_000) is None
