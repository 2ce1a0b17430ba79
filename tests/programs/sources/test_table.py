"""Tables that a program prints a row at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.programs.progress import Point, Watched
from bench.programs.sources.table import Table
from tests.support.progress_forms import LineForm, Shown
from tests.support.source_questions import LineQuestions


class SpacedForm(LineForm):
    """Columns two spaces apart, below a line of names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Table, folder)
        self.add(b"step       loss\n")

    def text(self, shown: Shown) -> str:
        step = "-" if shown.step is None else f"{shown.step}" + (f"/{shown.total}" if shown.total else "")
        return f"{step:<10} {shown.loss or '-'}"


class StrokesForm(SpacedForm):
    """Columns between strokes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.add("│ step │ loss │\n".encode())

    def text(self, shown: Shown) -> str:
        return "│ " + " │ ".join(super().text(shown).split()) + " │"


class TestSpaces(LineQuestions):
    silent = (
        *LineQuestions.silent,
        "3 files",
        "3  files",
        "step 5",
        "step",
        "-----  ------",
        "12:30:01  ready",
        "step: 3  loss: 0.5",
        "1  2  3",
        "| loss |",
        "| loss | none |",
        "| phase | 3 |",
        "| 3 | 4 | 5 | 6 |",
    )

    def form(self, folder: Path) -> LineForm:
        return SpacedForm(folder)


class TestStrokes(LineQuestions):
    silent = (*LineQuestions.silent, "|---|---|", "+---+---+", "| 3 | ", "| a | b |", "3 4")

    def form(self, folder: Path) -> LineForm:
        return StrokesForm(folder)


def points(text: str) -> list[Point]:
    source = Table(Watched())
    return [point for line in text.splitlines() if (point := source.line(line, 1.0)) is not None]


def test_fastai() -> None:
    shown = """\
epoch     train_loss  valid_loss  accuracy  time
0         1.508764    1.341220    0.512300  00:21
1         1.208764    1.141220    0.612300  00:20
"""
    assert points(shown) == [
        Point(1.0, 0, None, "epoch", {"epoch": 0, "train_loss": 1.508764, "valid_loss": 1.34122, "accuracy": 0.5123}),
        Point(1.0, 1, None, "epoch", {"epoch": 1, "train_loss": 1.208764, "valid_loss": 1.14122, "accuracy": 0.6123}),
    ]


def test_strokes_with_cells_that_are_empty_and_a_row_that_counts_nothing() -> None:
    shown = """\
-----------------------------------------------
|  run  |  epoch  |  train_acc  |  tta_val_acc  |
-----------------------------------------------
|    0  |      0  |     0.4255  |               |
|       |      1  |     0.6255  |               |
|       |   eval  |             |       0.9403  |
"""
    assert points(shown) == [
        Point(1.0, 0, None, "epoch", {"run": 0, "epoch": 0, "train_acc": 0.4255}),
        Point(1.0, 1, None, "epoch", {"epoch": 1, "train_acc": 0.6255}),
        Point(1.0, metrics={"tta_val_acc": 0.9403}),
    ]


def test_names_of_several_words_and_a_line_below_them() -> None:
    shown = """\
E    #       LOSS TOK2VEC  ENTS_F
---  ------  ------------  ------
  0     200        101.04   50.12
"""
    assert points(shown) == [Point(1.0, 200, metrics={"epoch": 0, "LOSS_TOK2VEC": 101.04, "ENTS_F": 50.12})]


def test_commas() -> None:
    assert points("step,loss,lr\n10,2.31,1e-3\n") == [Point(1.0, 10, metrics={"loss": 2.31, "lr": 1e-3})]


def test_per_cent_in_a_box() -> None:
    shown = "┃ epoch ┃ acc   ┃\n┡━━━━━━━╇━━━━━━━┩\n│ 1/3   │ 88.1% │\n"
    assert points(shown) == [Point(1.0, 1, 3, "epoch", {"epoch": 1, "acc": 88.1})]


def test_a_row_before_its_bar_and_what_a_validation_ends_with() -> None:
    shown = """\
      Epoch    GPU_mem   box_loss  Instances       Size
      1/100      2.23G      1.221         10        640: 100%|██████████| 8/8 [00:01<00:00,  4.5it/s]
                 Class     Images      Box(P          R      mAP50  mAP50-95): 100%|███| 4/4 [00:00<00:00,  6.5it/s]
                   all        128      0.652      0.541      0.618      0.456
                person         50      0.852      0.741      0.818      0.756
"""
    validated = {"Images": 128, "Box(P": 0.652, "R": 0.541, "mAP50": 0.618, "mAP50-95": 0.456}
    assert points(shown) == [
        Point(1.0, 1, 100, "epoch", {"Epoch": 1, "box_loss": 1.221, "Instances": 10, "Size": 640}),
        Point(1.0, metrics=validated),
    ]


def test_a_bar_of_strokes_behind_a_row() -> None:
    shown = """\
      Epoch   box_loss   Size
        1/3      1.221    640: 100% ━━━━━━━━━━━━ 8/8 4.5it/s 1.8s
                 Class     Images      mAP50  mAP50-95): 100% ━━━━━━━━━━━━ 4/4 6.5it/s 0.6s
                   all        128      0.618      0.456
"""
    assert points(shown) == [
        Point(1.0, 1, 3, "epoch", {"Epoch": 1, "box_loss": 1.221, "Size": 640}),
        Point(1.0, metrics={"Images": 128, "mAP50": 0.618, "mAP50-95": 0.456}),
    ]


def test_names_in_the_first_column() -> None:
    shown = "| rollout/           |          |\n|    ep_rew_mean     | 22.1     |\n"
    assert points(shown) == [Point(1.0, metrics={"ep_rew_mean": 22.1})]


@pytest.mark.parametrize("line", ["epoch  loss  acc\nWe are done here\n", "epoch  loss  acc\n3 files were found\n"])
def test_words_below_a_header_are_no_row(line: str) -> None:
    assert points(line) == []
