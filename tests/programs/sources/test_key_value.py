"""`key: value` and `key=value` on stdout."""

from pathlib import Path

import pytest

from bench.programs.progress import Point, Watched
from bench.programs.sources.key_value import KeyValue
from tests.support.progress_forms import LineForm, Shown
from tests.support.source_questions import LineQuestions


class ColonForm(LineForm):
    def text(self, shown: Shown) -> str:
        step = "" if shown.step is None else f"step {shown.step}" + (f"/{shown.total}" if shown.total else "")
        return " | ".join(part for part in (step, shown.loss and f"loss: {shown.loss}") if part)


class EqualsForm(LineForm):
    def text(self, shown: Shown) -> str:
        named = {"step": shown.step, "total_steps": shown.total, "loss": shown.loss}
        return " ".join(f"{name}={value}" for name, value in named.items() if value is not None)


class TestKeyColonValue(LineQuestions):
    silent = (
        *LineQuestions.silent,
        "tcp://127.0.0.1:29500",
        "http://host:8080/",
        "time: 12:30:01",
        "version: 2.14.1",
        "params: 124M, model: 7B",
        "accuracy: 9800/10000",
        "accuracy: 9800/10000 (12%)",
        "total: 58ms",
        "Test: [ 10/98]  loss: 0.8 (0.75)  acc1: 80.7 (84.7)",
        "Test: [10/98]\tLoss 0.8 (0.75)\tAcc@1 80.7 (84.7)",
        "Validating:  50%|█▏ | 5/10 [00:01<00:01, 4.2it/s, acc=0.97]",
        "Loading 5 files  ready",
        "Resuming, the accuracy 0.9 was reached",
        "loss: 1.2e",
        "id: 3f2a",
        "state: info",
        "train.py:12: UserWarning",
        "eval step 3/50",
        "Eval Epoch: 1 [1024 / 50000]\tClip Loss: 6.123",
        "[Eval batch=1/20] Eval on eval data",
        "ETA:   0h 1m12s",
        "loss: 0,5",
        "loss 0,123",
        "loss: 1,5e-3",
        "Epoch 1 [Val]:  50%|█▏ | 40/79 [00:01<00:01, 31.2it/s, loss=0.1, acc=99.2%]",
        "Starting training loop at step 500",
        "[Eval] step 5/50 loss 2.1",
        "Valid Epoch [1/10] Step [10/50] loss: 3.1",
        "[2023/01/01 12:05:00] ppcls INFO: [Eval][Epoch 1][Iter: 10/50]loss: 3.0, top1: 0.9",
        "Time taken for 1 epoch: 11.34 secs",
        " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.312",
        "for every step 10 of them",
        '{"loss": 1.0}',
        "{'loss': 1.0}",
        " 12%|█▏ | 12/400 [00:03<01:30, 4.20it/s]",
    )

    def form(self, folder: Path) -> LineForm:
        return ColonForm(KeyValue, folder)


class TestKeyEqualsValue(LineQuestions):
    def form(self, folder: Path) -> LineForm:
        return EqualsForm(KeyValue, folder)


# Lines as widely used programs print them, in the forms of these: a made-up run each.
LINES = [
    (
        "step 00120/21400 (0.56%) | loss: 3.4567 | grad norm: 0.25 | dt: 200.1ms | tok/sec: 1,234,567 | time: 1.2m",
        Point(
            1.0,
            120,
            21400,
            metrics={"loss": 3.4567, "grad_norm": 0.25, "dt": 200.1, "tok/sec": 1234567, "time": 1.2},
        ),
    ),
    ("iter 120: loss 1.25, time 23.4ms, mfu 3.4%", Point(1.0, 120, metrics={"loss": 1.25, "time": 23.4, "mfu": 3.4})),
    ("step 250: train loss 1.9, val loss 2.0", Point(1.0, 250, metrics={"train_loss": 1.9, "val_loss": 2.0})),
    ("step:125/1750 val_loss:4.3 step_avg:98.7ms", Point(1.0, 125, 1750, metrics={"val_loss": 4.3, "step_avg": 98.7})),
    ("val_bpb: 0.97", Point(1.0, metrics={"val_bpb": 0.97})),
    ("epoch=1 accuracy=0.9", Point(1.0, 1, unit="epoch", metrics={"epoch": 1, "accuracy": 0.9})),
    ("Epoch 2/5", Point(1.0, 2, 5, "epoch", {"epoch": 2})),
    ("epoch: 0.3", Point(1.0, metrics={"epoch": 0.3})),
    ("Epoch [1/5], Step [100/600], Loss: 0.2", Point(1.0, 100, metrics={"epoch": 1, "Loss": 0.2})),
    ("Epoch: [0]  [  10/1251]  eta: 0:10:00  loss: 6.9 (6.95)", Point(1.0, 10, metrics={"epoch": 0, "loss": 6.9})),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3", Point(1.0, 640, metrics={"epoch": 1, "train_Loss": 2.3})),
    ("Train: 0 [   0/1251 (  0%)]  Loss: 6.95 (6.95)", Point(1.0, 0, metrics={"epoch": 0, "train_Loss": 6.95})),
    ("step: 10  loss: 5.1  memory: 1.2GiB(3%)", Point(1.0, 10, metrics={"loss": 5.1, "memory": 1.2})),
    (
        " iteration       10/     100 | consumed samples:  640 | learning rate: 1.5E-04 | lm loss: 9.3E+00 |",
        Point(1.0, 10, 100, metrics={"learning_rate": 1.5e-4, "lm_loss": 9.3}),
    ),
    (
        "[2026-11-26 12:30:01,123] [INFO] [x.py:96] step=10, skipped=0, lr=[0.1]",
        Point(1.0, 10, metrics={"skipped": 0, "lr": 0.1}),
    ),
    ("2026-11-26 12:30:01 INFO loss: 0.3", Point(1.0, metrics={"loss": 0.3})),
    ("INFO:root:step 5 loss 0.3", Point(1.0, 5, metrics={"loss": 0.3})),
    ("3s 2ms/step - accuracy: 0.87 - val_loss: 1e-05", Point(1.0, metrics={"accuracy": 0.87, "val_loss": 1e-05})),
    (
        "epoch 3 - loss 0.5 - val_loss 0.25",
        Point(1.0, 3, unit="epoch", metrics={"loss": 0.5, "val_loss": 0.25, "epoch": 3}),
    ),
    ("loss: 0.5:  3%|▎  | 12/400 [00:03<01:30, 4.2it/s, lr=1e-4]", Point(1.0, metrics={"loss": 0.5, "lr": 1e-4})),
    (
        "Epoch(train)  [2][ 100/1000]  lr: 1.0e-02  loss: 0.5",
        Point(1.0, 100, metrics={"epoch": 2, "lr": 0.01, "loss": 0.5}),
    ),
    ("Iter(train) [ 100/8000]  loss: 0.5", Point(1.0, 100, 8000, metrics={"loss": 0.5})),
    ("[Epoch 1/20][Iter: 30/100]lr: 0.1, top1: 0.5", Point(1.0, 30, metrics={"epoch": 1, "lr": 0.1, "top1": 0.5})),
    ("val loss: 1.5 (step 120)", Point(1.0, 120, metrics={"val_loss": 1.5})),
    ("validation loss = 3.1", Point(1.0, metrics={"validation_loss": 3.1})),
    ("saved a checkpoint at step 500", Point(1.0, 500)),
    (
        "Test set: Average loss: 0.0268, Accuracy: 9913/10000 (99%)",
        Point(1.0, metrics={"Average_loss": 0.0268, "Accuracy": 99.13}),
    ),
    (
        "Epoch: [0][ 11/5005]\tTime  0.1 ( 0.4)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.39 (  0.10)",
        Point(1.0, 11, metrics={"epoch": 0, "train_Time": 0.1, "train_Loss": 6.9, "train_Acc@1": 0.39}),
    ),
    ("val: 100%|███| 10/10 [00:01<00:00, 4.2it/s, acc=0.9]", Point(1.0, metrics={"acc": 0.9})),
    ("value: 50%|█▏ | 5/10 [00:01<00:01, 4.2it/s, acc=0.5]", Point(1.0, metrics={"acc": 0.5})),
    ("Test:  [97/98]  eta: 0:00:00  acc1: 70.7 (79.9)", Point(1.0, metrics={"acc1": 79.9})),
    (" *   Acc@1 12.342 Acc@5 30.120", Point(1.0, metrics={"Acc@1": 12.342, "Acc@5": 30.12})),
    ("Test:  Acc@1 75.9 Acc@5 92.9", Point(1.0, metrics={"Acc@1": 75.9, "Acc@5": 92.9})),
    ("val loss 10.71", Point(1.0, metrics={"val_loss": 10.71})),
    (
        "step    2/19560 | loss 10.85 (+nanz)| norm 15.1 (-0.3z)| 3012.36 ms | 45.1% bf16 MFU",
        Point(1.0, 2, 19560, metrics={"loss": 10.85, "norm": 15.1}),
    ),
    ("[10]\ttrain-rmse:0.51\teval-rmse:0.60", Point(1.0, 10, metrics={"train-rmse": 0.51, "eval-rmse": 0.6})),
    (
        "[2]\ttraining's auc: 0.5\tvalid_1's auc: 0.76",
        Point(1.0, 2, metrics={"training_auc": 0.5, "valid_1_auc": 0.76}),
    ),
    (
        "7:\tlearn: 0.5\ttest: 0.51\tbest: 0.51 (6)\ttotal: 68ms\tremaining: 50s",
        Point(1.0, 7, metrics={"learn": 0.5, "test": 0.51, "best": 0.51, "remaining": 50}),
    ),
    ("[1,  2000] loss: 2.185", Point(1.0, 2000, metrics={"epoch": 1, "loss": 2.185})),
    ("INFO:tensorflow:loss = 3.2, step = 100 (12.3 sec)", Point(1.0, 100, metrics={"loss": 3.2})),
    ("[epoch=1][batch=10/196]:", Point(1.0, 10, metrics={"epoch": 1})),
    (
        "Epoch[2] Batch [50]\tSpeed: 8474.5 samples/sec\tTrain-accuracy=0.68",
        Point(1.0, 50, metrics={"epoch": 2, "Speed": 8474.5, "Train-accuracy": 0.68}),
    ),
    (
        "Epoch[2] Validation-accuracy=0.97",
        Point(1.0, 2, unit="epoch", metrics={"epoch": 2, "Validation-accuracy": 0.97}),
    ),
    (
        "| Training Device=xla:0/6 Epoch=1 Step=10/11 Loss=6.8 Rate=141.8 Time=00:03:00",
        Point(1.0, 10, metrics={"epoch": 1, "train_Loss": 6.8, "Rate": 141.8}),
    ),
    ("| epoch   1 |   200/ 2983 batches | loss  7.63", Point(1.0, 200, metrics={"epoch": 1, "loss": 7.63})),
    ("\t Train loss/train/total: 2.0", Point(1.0, metrics={"Train_loss/train/total": 2.0})),
    ("Epoch 3:  12%|█▏| 10/83 [00:01<00:02, 9.5it/s, train_loss=0.3]", Point(1.0, metrics={"train_loss": 0.3})),
    (
        "[2022-01-01 12:00:10 swin](main.py 213): INFO Train: [0/300][10/1251]\teta 0:10:00 lr 0.000001\t"
        "loss 6.9 (6.95)",
        Point(1.0, 10, metrics={"epoch": 0, "train_loss": 6.9}),
    ),
    ("2024-01-01 12:00:00,123 - INFO -  * Acc@1 31.0 Acc@5 61.0", Point(1.0, metrics={"Acc@1": 31, "Acc@5": 61})),
    ("Accuracy of the network on the 10000 test images: 55 %", Point(1.0, metrics={"Accuracy": 55})),
    ("[0/5][50/1583]\tLoss_D: 0.5\tLoss_G: 5.6", Point(1.0, 50, metrics={"epoch": 0, "Loss_D": 0.5, "Loss_G": 5.6})),
    (
        "I20240101 12:00:00 9 dinov2 helpers.py:102] Training  [  100/125000]  lr: 0.1  total_loss: 12 (13)",
        Point(1.0, 100, 125000, metrics={"lr": 0.1, "train_total_loss": 12}),
    ),
    ("[100] loss=0.5, learning_rate=0.1", Point(1.0, 100, metrics={"loss": 0.5, "learning_rate": 0.1})),
    ("Steps:100/90000 training_loss=6.9", Point(1.0, 100, 90000, metrics={"training_loss": 6.9})),
    (
        "1epoch:train:51-100batch: iter_time=1e-4, acc=0.1",
        Point(1.0, 100, metrics={"epoch": 1, "iter_time": 1e-4, "acc": 0.1}),
    ),
    ("global_step=137, episodic_return=[21.]", Point(1.0, 137, metrics={"episodic_return": 21})),
    ("step 3 loss tensor(2.5, device='cuda:0')", Point(1.0, 3, metrics={"loss": 2.5})),
    ("step: 3, loss: tensor(2.5, grad_fn=<NllLossBackward0>)", Point(1.0, 3, metrics={"loss": 2.5})),
    ("Epoch 1 Batch 10/100 Loss 2.8", Point(1.0, 10, metrics={"epoch": 1, "Loss": 2.8})),
    ("Training loss (for one batch) at step 200: 4.0", Point(1.0, 200, metrics={"Training_loss": 4})),
    ("epoch 1 - iter 10/100 - loss 0.95 - lr: 0.1", Point(1.0, 10, metrics={"epoch": 1, "loss": 0.95, "lr": 0.1})),
    ("DEV : loss 0.5 - f1-score (micro avg)  0.8", Point(1.0, metrics={"loss": 0.5, "f1-score": 0.8})),
    ("step: 7, tokens/step: 524288, loss: 2.5", Point(1.0, 7, metrics={"tokens/step": 524288, "loss": 2.5})),
    (
        "Train: epoch 1, loss: 0.4, acc: 0.91, lr: 0.1",
        Point(1.0, 1, unit="epoch", metrics={"epoch": 1, "train_loss": 0.4, "train_acc": 0.91, "lr": 0.1}),
    ),
    ("Validation: epoch 1, loss: 0.9, acc: 0.71", Point(1.0, metrics={"loss": 0.9, "acc": 0.71})),
    ("[Eval] Epoch 3 Step 20/20 loss 2.1", Point(1.0, metrics={"loss": 2.1})),
    ("Eval Epoch: 1 [50000 / 50000]\tClip Loss: 6.123", Point(1.0, metrics={"Clip_Loss": 6.123})),
    (
        "Epoch 1/3 [val]: 100%|███| 79/79 [00:02<00:00, 31.2it/s, loss=0.5, acc=80.2%]",
        Point(1.0, metrics={"loss": 0.5, "acc": 80.2}),
    ),
    (
        "Epoch 1/3 [train]:  50%|█▏ | 40/79 [00:02<00:00, 31.2it/s, loss=0.5, lr=1]",
        Point(1.0, metrics={"train_loss": 0.5, "lr": 1}),
    ),
    ("step 200 | eval | loss 1.9 acc 0.5", Point(1.0, metrics={"loss": 1.9, "acc": 0.5})),
    ("it: 40, loss: 1,234.5, acc: 50 %", Point(1.0, 40, metrics={"loss": 1234.5, "acc": 50})),
    ("Epoch:[1/2](100/11040) loss:6.9", Point(1.0, 100, metrics={"epoch": 1, "loss": 6.9})),
    ("Epoch 1 | iter 10 step 2 | loss train: 2.3", Point(1.0, 10, metrics={"epoch": 1, "loss_train": 2.3})),
    ("Iteration 5 step 1000 loss: 0.5", Point(1.0, 1000, metrics={"loss": 0.5})),
    ("step 7, loss: 0.5, s/it: 2", Point(1.0, 7, metrics={"loss": 0.5, "s/it": 2})),
    ("[batch=10/4800]:", Point(1.0, 10, 4800)),
    ("iter: 5, eta: 1 day, 2:03:04, time: 0.5", Point(1.0, 5, metrics={"time": 0.5})),
    ("1/9 * Epoch (train): loss: 0.5", Point(1.0, 1, 9, "epoch", metrics={"epoch": 1, "train_loss": 0.5})),
    ("1/9 * Epoch (valid): loss: 0.5", Point(1.0, 1, 9, "epoch", metrics={"epoch": 1, "loss": 0.5})),
    ("Train loss: 0.5 | val acc: 0.8", Point(1.0, metrics={"Train_loss": 0.5, "val_acc": 0.8})),
]


@pytest.mark.parametrize(("text", "point"), LINES)
def test_what_a_line_says(text: str, point: Point) -> None:
    assert KeyValue(Watched()).line(text, 1.0) == point


def test_steps_of_an_evaluation_are_none_of_training() -> None:
    source = KeyValue(Watched())
    lines = [
        f"{part} Epoch [{epoch}/3] Step [{step}/{of}] loss: 1"
        for epoch in (1, 2, 3)
        for part, of in (("Train", 40), ("Valid", 20))
        for step in range(20, of + 1, 20)
    ]
    points = [point for point in (source.line(line, 1.0) for line in lines) if point]
    assert [(point.step, list(point.metrics)) for point in points] == [
        (step, ["epoch", "train_loss"]) if step else (None, ["loss"])
        for step in (20, 40, None, 60, 80, None, 100, 120, None)
    ]


def test_an_evaluation_that_tells_the_step_of_training_is_no_part_of_one() -> None:
    source = KeyValue(Watched())
    lines = [
        f"{part} | Epoch 1 | Step {step}/1000 | loss: {loss}"
        for part, step, loss in (("Train", 490, 3.1), ("Valid", 500, 3.2), ("Train", 990, 2.1), ("Valid", 1000, 2.2))
    ]
    points = [source.line(line, 1.0) for line in lines]
    assert [point and (point.step, point.metrics.get("loss")) for point in points] == [
        (490, None),
        (None, 3.2),
        (990, None),
        (None, 2.2),
    ]


@pytest.mark.parametrize("said", ["resuming from step 5000", "Continuing training from global step 5000"])
def test_a_step_that_a_program_goes_on_from_is_none_that_it_takes(said: str) -> None:
    assert KeyValue(Watched()).line(said, 1.0) is None


def test_a_line_of_training_may_go_on_with_the_evaluation() -> None:
    point = KeyValue(Watched()).line("Train loss: 0.5, acc: 0.8 | Val loss: 0.6, acc: 0.7", 1.0)
    assert point is not None
    assert point.metrics == {"Train_loss": 0.5, "train_acc": 0.8, "Val_loss": 0.6, "acc": 0.7}


def test_the_last_of_epochs_from_zero_may_be_the_number_that_is_shown() -> None:
    source = KeyValue(Watched())
    shown = [source.line(f"Epoch [{e}/2], Step [{s}/40], Loss: 1", 1.0) for e in (0, 1, 2) for s in (20, 40)]
    assert [(point.step, point.total) for point in shown if point][-2:] == [(100, 120), (120, 120)]


def test_batches_of_each_epoch_are_added_up_and_then_their_total_is_known() -> None:
    source = KeyValue(Watched())
    shown = [source.line(f"Epoch [{e}/3], Step [{s}/40], Loss: 1", 1.0) for e in (1, 2, 3) for s in (20, 40)]
    assert [(point.step, point.total) for point in shown if point] == [
        (20, None),
        (40, None),
        (60, 120),
        (80, 120),
        (100, 120),
        (120, 120),
    ]
