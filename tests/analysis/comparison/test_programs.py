"""Programs compared: under their own clock, by their own metric, and lower is better where the target says so."""

from typing import Any

import pytest

from analysis.comparison.compare import as_sentences, compare, select
from analysis.frames.runs import runs_frame
from bench.record.documents import MetricTarget, Phase, Run
from tests.support.program_runs import LOSS, PROGRAM, losses, make_program_run


def runs(name: str, seconds: float, loss: float, **changes: Any) -> list[Run]:
    """Ten runs of about `seconds` that end at about `loss`, and a sample that is not counted."""
    program = PROGRAM.model_copy(update={"name": name})
    found = []
    for seed in range(10):
        last = Phase(name="process", start=0, stop=seconds + seed / 10)
        evaluation = losses(loss + seed / 1000)[0].model_copy(update={"at": last.stop})
        found.append(make_program_run(program=program, seed=seed, phases=(last,), evaluations=(evaluation,), **changes))
    return [*found, make_program_run(program=program, ended="sampled")]


def test_under_their_own_clock_and_lower_is_better() -> None:
    frame = runs_frame([*runs("fast", 30, 3.1), *runs("slow", 60, 3.2)])
    comparison = compare(select(frame, "fast", "store"), select(frame, "slow", "store"))
    findings = {finding.metric: finding for finding in comparison.findings}
    assert comparison.policy == "cold"
    assert (findings["time"].winner, findings["time"].n) == ("A", (10, 10))
    assert (findings["accuracy"].winner, findings["hits"].winner) == ("A", None)
    assert "the mean val_loss of fast is lower than that of slow, by 0.100 [" in findings["accuracy"].text
    assert findings["accuracy"].estimate == pytest.approx(-0.1)


@pytest.mark.parametrize(
    "target",
    [
        MetricTarget(metric="val_loss", at_least=3, at_most=None),
        MetricTarget(metric="bpb", at_least=None, at_most=3.28),
    ],
)
def test_other_targets_are_no_rivals(target: MetricTarget) -> None:
    frame = runs_frame([*runs("fast", 30, 3.1), *runs("other", 60, 3.2, target=target)])
    comparison = compare(select(frame, "fast", "store"), select(frame, "other", "store"))
    accuracy = next(finding for finding in comparison.findings if finding.metric == "accuracy")
    assert accuracy.winner is None
    assert accuracy.inconclusive == "their targets are about different things"


@pytest.mark.parametrize(("target", "words"), [(LOSS, "val_loss at most 3.28"), (None, "its end")])
def test_a_side_says_what_its_programs_were_held_to(target: MetricTarget | None, words: str) -> None:
    frame = runs_frame([*runs("fast", 30, 3.1, target=target), *runs("slow", 60, 3.2, target=target)])
    comparison = compare(select(frame, "fast", "store"), select(frame, "slow", "store"))
    sides = as_sentences(comparison).splitlines()[2:4]
    assert [f"10 of 10 reached {words}, P(hit) [72, 100] %" in side for side in sides] == [True, True]
    assert not any("targets differ" in finding.text for finding in comparison.findings)
