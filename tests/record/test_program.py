"""Runs of programs: what a record of one may hold, and its time by each clock."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.record.documents import (
    MetricTarget,
    Phase,
    Policy,
    RecipeRef,
    Run,
    StepProgress,
    attempt_seconds,
    fell_back,
    from_bytes,
    policy_seconds,
    to_bytes,
)
from tests.support.program_runs import LOSS, PROGRESS, losses, make_program_run

MARKED = (
    Phase(name="process", start=0, stop=4),
    Phase(name="train", start=4, stop=14),
    Phase(name="evaluate", start=14, stop=16),
    Phase(name="train", start=16, stop=50),
    Phase(name="process", start=50, stop=60),
)


def test_a_run_of_a_program_survives_the_round_trip() -> None:
    run = make_program_run()
    assert from_bytes(to_bytes(run), "x.json") == run


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": RecipeRef(name="myrtle", source_sha256="")},
        {"program": None},
        {"program": None, "recipe": RecipeRef(name="myrtle", source_sha256=""), "target": None},
        {
            "program": None,
            "recipe": RecipeRef(name="myrtle", source_sha256=""),
        },  # whose evaluations are of the accuracy
    ],
)
def test_a_run_is_of_a_recipe_or_of_a_program(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_program_run(**changes)


@pytest.mark.parametrize(("at_least", "at_most"), [(None, None), (1.0, 2.0)])
def test_a_target_has_one_direction(at_least: float | None, at_most: float | None) -> None:
    with pytest.raises(ValidationError):
        MetricTarget(metric="loss", at_least=at_least, at_most=at_most)


@pytest.mark.parametrize("points", [(), ((1.0, 2), (2.0, 2)), ((1.0, 2), (0.5, 3)), tuple((k, k) for k in range(501))])
def test_points_are_few_and_in_order(points: tuple[tuple[float, int], ...]) -> None:
    with pytest.raises(ValidationError):
        StepProgress(**(PROGRESS.model_dump() | {"points": points}))


@pytest.mark.parametrize(
    ("run", "hit", "cold", "attempt"),
    [
        (make_program_run(), True, 20, 20),
        (make_program_run(evaluations=losses(4.0, 3.9, 3.8)), False, None, 60),
        (make_program_run(target=None, evaluations=()), True, 60, 60),
        (make_program_run(target=None, evaluations=(), ended="sampled"), False, None, 60),
        (make_program_run(status="failed", reason="ERROR"), False, None, 60),
        (make_program_run(ended="timeout", status="failed", reason="TIMEOUT"), False, None, 60),
    ],
)
def test_cold_ends_at_the_target_or_at_the_end(run: Run, hit: bool, cold: float | None, attempt: float) -> None:
    assert (run.hit, policy_seconds(run, "cold"), attempt_seconds(run, "cold")) == (hit, cold, attempt)


@pytest.mark.parametrize(
    ("policy", "unmarked", "marked"), [("airbench", None, None), ("dawnbench", None, 44), ("mlperf", None, 46)]
)
def test_other_clocks_count_the_phases_that_are_marked(
    policy: Policy, unmarked: float | None, marked: float | None
) -> None:
    assert policy_seconds(make_program_run(), policy) == unmarked
    assert attempt_seconds(make_program_run(), policy) == unmarked
    assert policy_seconds(make_program_run(phases=MARKED), policy) == marked


def test_a_program_that_falls_back_has_hit_and_says_so() -> None:
    run = make_program_run(evaluations=losses(4.0, 3.25, 3.5))
    assert (run.hit, fell_back(run), run.final_value) == (True, True, 3.5)
    assert not fell_back(make_program_run())
    assert LOSS.reached(3.28)
    assert not LOSS.reached(3.29)
