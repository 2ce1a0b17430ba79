"""What a line is of."""

import pytest

from bench.programs.progress import Watched
from bench.programs.reading.line import message, part_of
from bench.programs.sources.key_value import KeyValue


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "2026-11-26 10:00:00,123 - INFO - ",
        "2026-11-26 10:00:00,123 - main - INFO - ",
        "2026-11-26 10:00:00.123 | INFO     | __main__:<module>:12 - ",
        "[2026-11-26 10:00:00,123][__main__][INFO] - ",
        "[2026-11-26 10:00:00 swin_tiny](main.py 190): INFO ",
        "[2026/11/26 10:00:00] ppcls INFO: ",
        "2026-11-26T10:00:00.123456789Z ",
        "INFO:root:",
        "2026-11-26 10:00:00 [info     ] ",
        "2026-11-26T10:00:00.123456Z [warning] ",
        "[INFO] ",
        "I1126 10:00:00.123456 139 train.py:33] ",
        "I20261126 10:00:00 1234 dinov2 helpers.py:102] ",
    ],
)
@pytest.mark.parametrize(
    "said", ["* Acc@1 71.5 Acc@5 90.3", "Train: [0/300][10/1251]\tloss 6.9 (6.9)", "step 5/40 - loss: 0.5", "epoch 1"]
)
def test_the_words_of_a_logger_are_no_part_of_a_line(prefix: str, said: str) -> None:
    assert message(prefix + said) == said


@pytest.mark.parametrize(
    "said",
    [
        "Errors: 3",
        "INFORMATION gain: 0.5",
        "train.py: 1",
        "epoch 3 at 10:30:00 ended",
        "step 5 loss: 0.5 WARNING: the gradient's norm is 30.0",
        "epoch 1 TRAIN ERROR: 0.3 TEST ERROR: 0.25",
    ],
)
@pytest.mark.parametrize("prefix", ["", "10:00:00 ", "2026-11-26 10:00:00,123 "])
def test_other_words_stay(prefix: str, said: str) -> None:
    assert message(prefix + said) == said


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("Train: [0/300]", "training"),
        ("[Train][Epoch 1/20]", "training"),
        ("TRAIN epoch=1 step=10", "training"),
        ("phase=train epoch=1", "training"),
        ("Train Epoch: 1 [640/60000 (1%)]", "training"),
        ("Training step 10/100: loss 2.69", "training"),
        ("train_inner | epoch 001: 100 / 1102", "training"),
        ("Training finished! Accuracy: 0.97", None),  # of what it came to
        ("Training time: 12.5s, accuracy: 0.91", None),
        ("Validate: epoch 3, iter 15/20", "evaluation"),
        ("[Eval] Epoch 3 Step 15/20", "evaluation"),
        ("valid | epoch 3 | step 15/20", "evaluation"),
        ("mode=val iter=15", "evaluation"),
        ("Test: [10/98]", "evaluation"),
        ("Epoch 1/3 [val]: 100%|", "evaluation"),
        ("Epoch 1 (Train): loss=0.5", "training"),
        ("[Epoch 3] [Eval] acc 0.5", "evaluation"),
        ("Epoch 2 | Val | loss 0.5", "evaluation"),
        ("step 200 | eval | loss 1.9", "evaluation"),
        ("step 200 - train - loss 1.9", "training"),
        ("step 200/900 | eval | loss 1.9", None),
        ("Epoch 3 | train loss 0.5 | val loss 0.4", None),
        ("Epoch 3 - val loss - 0.4", None),
        ("Epoch 1 [10/90] loss 0.5", None),
        ("eval                 loss=0.5 step=3", "evaluation"),
        ("val loss: 1.5 (step 120)", None),  # measured at a step of training
        ("Validation accuracy after epoch 3: 0.9", None),
        ("test/acc: 0.5", None),
        ("train.py:33 step 5", None),
        ("train_loss: 0.5", None),
        ("step 5: train loss 0.5", None),
    ],
)
def test_what_a_line_is_of(said: str, part: str | None) -> None:
    assert part_of(said) == part


SAID = {"lr": 0.1, "epoch": 1}


@pytest.mark.parametrize(
    "line",
    [
        "Epoch 1 | lr: 0.1 | Train: loss=0.5 acc=0.8 | Val: loss=0.6 acc=0.7",
        "Epoch 1 lr 0.1, train loss 0.5 train acc 0.8, loss 0.6, acc 0.7",
        "[Epoch 1] lr=0.1 TRAIN loss=0.5,acc=0.8 || VALID loss=0.6,acc=0.7",
        "Epoch 1 [Train] lr: 0.1 loss: 0.5 acc: 0.8 [Val] loss: 0.6 acc: 0.7",
        "epoch=1 lr=0.1 train(loss=0.5, acc=0.8) val(loss=0.6, acc=0.7)",
    ],
)
def test_results_of_training_and_of_an_evaluation_in_one_line_are_told_apart(line: str) -> None:
    point = KeyValue(Watched()).line(line, 1.0)
    assert point is not None
    assert point.metrics == {**SAID, "train_loss": 0.5, "train_acc": 0.8, "loss": 0.6, "acc": 0.7}


def test_of_two_evaluations_in_one_line_each_is_named() -> None:
    point = KeyValue(Watched()).line("Epoch 1 lr=0.1 train: acc=0.8 val: acc=0.7 test: acc=0.6", 1.0)
    assert point is not None
    assert point.metrics == {**SAID, "train_acc": 0.8, "val_acc": 0.7, "test_acc": 0.6}


def test_the_place_in_a_source_at_the_right_is_no_word_of_the_program() -> None:
    assert message("[10:00:00] INFO     step 5 loss 0.5              train.py:12") == "step 5 loss 0.5"
