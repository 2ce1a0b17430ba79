"""A target's metric that is shown under another name."""

import pytest

from bench.programs.watching.watch import FEW, Namesakes, are_namesakes


def noticed(metric: str, *shown: str) -> list[str]:
    """The names that are said to be shown in place of `metric`, each time that something is said."""
    namesakes, said = Namesakes(metric), []
    for name in shown:
        namesakes.add([name])
        said.append(namesakes.notice() or "")
    return [text.partition(", but ")[2].partition(";")[0] for text in said if text]


@pytest.mark.parametrize(
    ("metric", "shown", "named"),
    [
        ("loss", ["train_loss"], "train_loss"),
        ("loss", ["eval/loss", "train/loss"], "eval/loss, train/loss"),
        ("acc", ["Train-accuracy"], "Train-accuracy"),
        ("Loss", ["loss"], "loss"),
        ("val_loss", ["eval_loss", "train_loss"], "eval_loss"),
        ("val_acc", ["train_acc", "acc"], "acc"),  # as lines of an evaluation are read beside those of training
        ("train_loss", ["loss"], "loss"),
    ],
)
def test_what_is_shown_in_place_of_the_target_is_said_once(metric: str, shown: list[str], named: str) -> None:
    assert noticed(metric, *shown * FEW * 3) == [named]


@pytest.mark.parametrize(("metric", "shown"), [("Val_Loss", "val_loss"), ("acc", "ACC")])
def test_a_name_in_other_capitals_is_said_at_once(metric: str, shown: str) -> None:
    assert noticed(metric, "epoch") == []
    assert noticed(metric, shown) == noticed(metric, shown, shown) == [shown]
    assert noticed(metric, metric, shown) == []


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("loss", ["train_loss"] * (FEW - 1)),
        ("loss", ["loss", *["train_loss"] * FEW]),
        ("loss", ["lm_loss", "loss_scale", "accuracy"] * FEW),
        ("val_loss", ["train_loss"] * FEW),  # the evaluation is yet to come
        ("val_loss", ["loss"] * FEW),  # so it is in Hugging Face's Trainer
        ("train", ["val", "test"] * FEW),
    ],
)
def test_nothing_is_said_before_it_is_known(metric: str, shown: list[str]) -> None:
    assert noticed(metric, *shown) == []


def test_names_of_one_metric() -> None:
    assert are_namesakes("val_loss", "Loss/train")
    assert not are_namesakes("val", "test")
    assert not are_namesakes("val_loss", "val_acc")
