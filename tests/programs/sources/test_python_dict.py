"""Python dicts on stdout."""

from pathlib import Path

import pytest

from bench.programs.progress import Watched
from bench.programs.sources.objects import PythonDict
from tests.support.progress_forms import LineForm, Shown
from tests.support.source_questions import LineQuestions


class DictForm(LineForm):
    def text(self, shown: Shown) -> str:
        named = {"step": shown.step, "total_steps": shown.total, "loss": shown.loss}
        return "{" + ", ".join(f"'{name}': {value}" for name, value in named.items() if value is not None) + "}"


class TestPythonDict(LineQuestions):
    silent = (
        *LineQuestions.silent,
        "{'a': 'b'}",
        "{'loss': None}",
        "{'loss': 1",
        "{'loss': [1, 2]}",
        "{'loss': 1.2.3}",
    )

    def form(self, folder: Path) -> LineForm:
        return DictForm(PythonDict, folder)


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ("{'loss': 2.5, 'grad_norm': 1e-05, 'epoch': 0.25}", {"loss": 2.5, "grad_norm": 1e-05, "epoch": 0.25}),
        ("{'eval_loss': '0.04387', 'epoch': '0.5'}", {"eval_loss": 0.04387, "epoch": 0.5}),
        ("{'loss': np.float64(0.5), 'acc': tensor(0.75, device='cuda:0')}", {"loss": 0.5, "acc": 0.75}),
        ("{'loss': tensor(1.)}", {"loss": 1.0}),
        ("rank 0 says {'loss': -inf}", {"loss": -float("inf")}),
        ("{'name': 'x', 'loss': 3}", {"loss": 3.0}),
        ("train: {'loss': 3}", {"train_loss": 3.0}),
        ("12:00:00 INFO Eval {'loss': 3, 'step': 5}", {"loss": 3.0}),
        ("Training:  1%|▏ | 1/100 [00:01<01:39, 1.0s/it]{'loss': 3}", {"loss": 3.0}),  # printed behind a bar
    ],
)
def test_what_a_dict_says(text: str, metrics: dict[str, float]) -> None:
    point = PythonDict(Watched()).line(text, 1.0)
    assert point is not None
    assert point.metrics == metrics
