"""Keras' bars, in the forms of its versions."""

from __future__ import annotations

from itertools import chain

import pytest

from bench.programs.job import Target
from bench.programs.progress import Watched
from bench.programs.reading.keras import bar_of
from bench.programs.sources import open_sources
from bench.programs.sources.key_value import KeyValue
from bench.programs.watching.watch import Watch

THREE = (
    "\x1b[1m{}/{}\x1b[0m \x1b[32m━━━━━━━━━\x1b[0m\x1b[37m━━━━\x1b[0m \x1b[1m0:12\x1b[0m 35ms/step"
    " - accuracy: {} - loss: 1.6"
)
TWO = "{:3}/{} [====>......] - ETA: 12s - loss: 1.6 - accuracy: {}"
FORMS = {
    "keras 3": (THREE, THREE.replace("0:12", "20s")),
    "keras 2": (
        "\b\b\b\b" + TWO + "\b\b",
        TWO.replace("====>......", "===========").replace("ETA: 12s", "1s 2ms/step"),
    ),
    "verbose=2": (None, "{}/{} - 12s - 2ms/step - accuracy: {} - loss: 1.6"),
    "verbose=2 of keras 2": (None, "{}/{} - 12s - loss: 1.6 - accuracy: {} - 12s/epoch - 2ms/step"),
}


@pytest.mark.parametrize("form", FORMS)
def test_steps_of_training_are_counted_and_those_of_an_evaluation_are_not(form: str) -> None:
    drawn, full = FORMS[form]
    watch = Watch(open_sources(Watched()), Target("accuracy", at_least=0.9))

    def bar(of: int, result: float, more: str = "") -> str:
        lines = [drawn.format(step, of, result / 2) + "\r" for step in (1, of // 2)] if drawn else []
        return "".join([*lines, full.format(of, of, result) + more + "\n"])

    epochs = ((f"Epoch {n}/3\n", bar(40, n / 10, f" - val_accuracy: {n / 5}"), bar(10, n / 5)) for n in (1, 2, 3))
    watch.feed(1, "".join([bar(10, 0.05), *chain.from_iterable(epochs), bar(40, 0.95)]).encode(), 1.0)
    steps, target = watch.steps(), watch.target()
    assert steps is not None
    assert target is not None
    shown = [1, 20, 40, 41, 60, 80, 81, 100, 120] if drawn else [40, 80, 120]
    assert (steps.source, [step for _, step in steps.steps.items()], watch.total()) == ("key-value", shown, 120)
    assert (steps.went_back, target.first_hit and target.first_hit[1:3]) == (None, (120, 0.95))
    assert watch.latest() == pytest.approx({"epoch": 3, "accuracy": 0.95, "loss": 1.6, "val_accuracy": 0.6})


def test_steps_of_paddle_are_told_from_those_of_its_evaluation() -> None:
    watch = Watch(open_sources(Watched()), Target("acc", at_least=0.9))
    for epoch in (1, 2):
        lines = [f"step {step:3}/40 - loss: 0.5 - acc: {epoch / 5} - 12ms/step" for step in (20, 40)]
        tested = [f"step {step:3}/50 [==>..] - loss: 0.4 - acc: {epoch / 2} - ETA: 3s - 9ms/step" for step in (20, 50)]
        for line in (f"Epoch {epoch}/2", *lines, "Eval begin...", *tested, "Eval samples: 10000"):
            watch.line(line, 1.0)
    steps, target = watch.steps(), watch.target()
    assert steps is not None
    assert target is not None
    assert ([step for _, step in steps.steps.items()], watch.total()) == ([20, 40, 60, 80], 80)
    assert [(step, value) for _, step, value, _ in target.evaluations.items()] == [
        (20, 0.2),
        (40, 0.2),
        (40, 0.5),
        (60, 0.4),
        (80, 0.4),
        (80, 1.0),
    ]


def test_the_length_of_the_first_epoch_may_not_be_known() -> None:
    watch = Watch(open_sources(Watched()), None)
    for line in (
        "Epoch 1/2",
        "   7/Unknown \x1b[1m2s\x1b[0m 35ms/step - loss: 0.5",
        "Epoch 2/2",
        "1/9 ━━━ 0:01 3ms/step - loss: 1",
    ):
        watch.line(line, 1.0)
    steps = watch.steps()
    assert steps is not None
    assert [step for _, step in steps.steps.items()] == [7, 8]


@pytest.mark.parametrize(
    "line",
    [
        "9800/10000 (98%)",
        "12/400 [00:03<01:30, 4.2it/s]",
        "1/2 - loss: 0.5",
        "2026/11/26 12:30:01 5ms/step",
        "3/4",
        "1/5 [=>",
    ],
)
def test_what_is_no_bar_of_keras(line: str) -> None:
    assert bar_of(line) is None


def test_a_line_that_begins_with_its_step_is_read_as_ever_where_no_epoch_is_told() -> None:
    watch = Watch(open_sources(Watched()), None)
    for step in (1, 2, 40):
        watch.line(f"step {step}/40 - loss: 0.5 - 20ms/step", 1.0)
    steps = watch.steps()
    assert steps is not None
    assert ([step for _, step in steps.steps.items()], watch.total()) == ([1, 2, 40], 40)


FULL = "40/40 ━━━━ 1s 35ms/step - accuracy: 0.5"
HALF = "20/40 ━━━━ 0:12 35ms/step - accuracy: 0.4"


@pytest.mark.parametrize(
    ("before", "epoch", "between"),
    [
        (["epochs: 2", "10/10 ━━━━ 0s 9ms/step - accuracy: 0.1"], "Epoch {}/2", []),  # a setting begins no epoch
        ([], "Epoch {}", []),  # as programs of one's own draw Keras' bars
        ([], "Start of epoch {}", []),
        ([], "Epoch {}/2", [FULL, "1/1 ━━━━ 0s 50ms/step"]),  # a prediction made by a callback
        ([], "Epoch {}/2", ["Epoch 1: early stopping"]),
    ],
)
def test_what_begins_an_epoch_and_what_ends_none(before: list[str], epoch: str, between: list[str]) -> None:
    source = KeyValue(Watched())
    for line in before:
        source.line(line, 1.0)
    points = []
    for number in (1, 2):
        points += [source.line(line, 1.0) for line in (epoch.format(number), HALF, *between, FULL)]
    drawn = [point for point in points if point and "accuracy" in point.metrics]
    assert [point.step for point in drawn if point.metrics["accuracy"] == 0.4] == [20, 60]
    assert {point.step for point in drawn if point.metrics["accuracy"] == 0.5} == {40, 80}
    assert {point.part for point in drawn} == {None}


def test_a_program_that_trains_for_one_epoch_at_a_time_shows_no_lines_of_epochs() -> None:
    watch = Watch(open_sources(Watched()), None)
    tested = "10/10 ━━━━ 1s 9ms/step - accuracy: 0.6"
    for line in ("4/4 ━━━━ 0s 9ms/step", HALF, FULL, f"{FULL} - val_accuracy: 0.6", tested, HALF, FULL, tested):
        watch.line(line, 1.0)
    steps = watch.steps()
    assert steps is not None
    assert ([step for _, step in steps.steps.items()], steps.went_back) == ([20, 40, 60, 80], None)
    assert watch.total() is None  # it may train on
