"""A metric whose values are of training and of an evaluation is said to be of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.programs.job import Job, Target
from bench.programs.judgement import warnings
from bench.programs.progress import Watched
from bench.programs.running.runner import Outcome
from bench.programs.sources import open_sources
from bench.programs.watching.log import read_log
from bench.programs.watching.watch import Watch

ENDED = Outcome(0.0, 0.0, 9.0, "exited", 0, None, None, "clean")
KERAS = (
    "Epoch 1/1",
    "1/2 ━━━ 0:12 35ms/step - loss: 2",
    *["2/2 ━━━ 20s 35ms/step - loss: 1"] * 2,
)
LOGS = [
    (("step: 1 loss: 8.1", "validate step: 2 loss: 6.9", "step: 3 loss: 6.1"), ["loss"]),
    (('{"loss": 2}', '{"split": "val", "loss": 1}', '{"loss": 1.5}'), ["loss"]),
    (("epoch 1: {'loss': 2}", "Eval: {'loss': 1}", "epoch 2: {'loss': 1}"), ["loss"]),
    ((*KERAS, "3/3 ━━━ 1s 5ms/step - loss: 0.5"), ["loss"]),
    (KERAS, []),
    (("Train: loss: 8.1", "Valid: loss: 6.9", "Train: loss: 6.1", "final loss: 6", "loss: 6"), []),
    (("step 1 loss: 3", "val_loss: 2", "step 2 loss: 1"), []),
    (("step 1 time: 3", "Eval: time: 2", "step 2 time: 1"), []),
]


@pytest.mark.parametrize(("lines", "mixed"), LOGS)
def test_what_is_shown_as_of_both_is_named(lines: tuple[str, ...], mixed: list[str], tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(lines) + "\n")
    assert read_log(tmp_path / "log").mixed() == mixed
    watch = Watch(open_sources(Watched()), target := Target("loss", at_most=5))
    for line in lines:
        watch.line(line, 1.0)
    said = [each for each in warnings(Job(("true",), target=target), watch, ENDED) if "evaluation" in each]
    assert len(said) == len(mixed)


SAID = [
    ("{'split': 'train', 'step': 5, 'loss': 2.0}", "{'split': 'val', 'step': 5, 'loss': 1.0}"),
    ('{"type": "train_step", "step": 5, "loss": 2.0}', '{"type": "val_step", "step": 5, "loss": 1.0}'),
    ("step,phase,loss", "5,train,2.0", "5,valid,1.0"),
    ("| step | split | loss |", "|------|------|------|", "| 5 | training | 2.0 |", "| 5 | test | 1.0 |"),
    ("[train] step 5 loss: 2.0", "[val] loss: 1.0"),
    ("train: step 5 loss: 2.0", "*** Eval: loss: 1.0 ***"),
]


@pytest.mark.parametrize("lines", SAID)
def test_what_a_value_is_of_is_said_in_each_form(lines: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(lines) + "\n")
    reading = read_log(tmp_path / "log")
    (read,) = reading.readings
    assert {name: values.summary()[:2] for name, values in read.metrics.items()} == {
        "train_loss": (2.0, 2.0),
        "loss": (1.0, 1.0),
    }
    assert (read.metrics["loss"].evaluated, read.track.last and read.track.last.step, reading.unread) == (1, 5, [])


def test_results_of_dicts_within_a_dict_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "{'step': 5, 'g': {'loss': 2.0, 'm': {'f1': '0.5'}}, 'd': {'loss': 1.0}, 'lr': 0.1}\n"
    )
    (read,) = read_log(tmp_path / "log").readings
    assert {name: values.first for name, values in read.metrics.items()} == {
        "g/loss": 2.0,
        "g/m/f1": 0.5,
        "d/loss": 1.0,
        "lr": 0.1,
    }
