"""The user's own regular expressions."""

from pathlib import Path

import pytest

from bench.programs.job import BadPattern, patterns_of
from bench.programs.progress import Point, Watched
from bench.programs.sources.regex import Regex
from tests.support.progress_forms import LineForm, Shown
from tests.support.source_questions import LineQuestions

PATTERNS = {"step": r"at (\d+)", "total": r"of (\d+)", "loss": r"is (\S+)"}


class WordsForm(LineForm):
    def text(self, shown: Shown) -> str:
        named = {"at": shown.step, "of": shown.total, "is": shown.loss}
        return " ".join(f"{name} {value}" for name, value in named.items() if value is not None)


class TestRegex(LineQuestions):
    silent = (*LineQuestions.silent, "is unknown", "step 3 loss: 0.5")

    def form(self, folder: Path) -> LineForm:
        return WordsForm(Regex, folder, PATTERNS)


def test_the_group_called_value_is_the_number() -> None:
    source = Regex(Watched(patterns={"acc": r"(top1|top5) is (?P<value>\S+)"}))
    assert source.line("top5 is 98.5", 1.0) == Point(1.0, metrics={"acc": 98.5})


def test_a_group_that_took_no_part_is_no_number() -> None:
    assert Regex(Watched(patterns={"acc": "acc(?:=([0-9]+))?"})).line("acc", 1.0) is None


@pytest.mark.parametrize("expression", ["loss", "(loss", "loss (?:x)", "*", "(?P<x"])
def test_an_expression_that_finds_no_number_is_refused(expression: str) -> None:
    with pytest.raises(BadPattern, match="--metric loss: "):
        Regex(Watched(patterns={"loss": expression}))


def test_expressions_as_a_user_writes_them() -> None:
    assert patterns_of(["loss=is (.)", " val acc =a=(.)", "loss=now (.)"]) == {"loss": "now (.)", "val acc": "a=(.)"}


@pytest.mark.parametrize("word", ["", "loss", "loss=", " =x"])
def test_what_is_no_name_and_expression(word: str) -> None:
    with pytest.raises(BadPattern, match="is not NAME=REGEX"):
        patterns_of([word])
