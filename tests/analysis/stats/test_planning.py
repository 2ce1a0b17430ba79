"""How many machines show a difference: as many as a simulation needs, at least three, hardly fewer for more runs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from analysis.stats.intervals import power_of
from analysis.stats.planning import BETWEEN, WITHIN, needed, question
from bench.cli import cli
from bench.errors import UsageError


@pytest.mark.parametrize("text", ["H100 v A100 5%", " H100  vs A100 5 % ", "H100 vs. A100 5.0%"])
def test_a_question_names_two_types_and_a_difference(text: str) -> None:
    assert question(text) == ("H100", "A100", 0.05)


@pytest.mark.parametrize("text", ["", "H100 v A100", "H100 v A100 5", "H100 A100 5%", "H100 v A100 0%", "v A100 5%"])
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="5%"):
        question(text)


def test_the_names_are_labels_and_any_will_do() -> None:
    answers = [
        json.loads(CliRunner().invoke(cli, ["plan", "--power", f"{names} 5%", "--format", "json"]).stdout)
        for names in ("H100 v A100", "my box v RTX 6000 Ada")
    ]
    assert [(answer.pop("a"), answer.pop("b")) for answer in answers] == [("H100", "A100"), ("my box", "RTX 6000 Ada")]
    assert answers[0] == answers[1]


def test_so_many_machines_are_enough_and_one_fewer_is_not() -> None:
    machines = needed(0.02, 1)
    assert machines is not None
    spread = math.hypot(BETWEEN, WITHIN)
    assert power_of(machines, math.log(1.02), spread) >= 0.8 > power_of(machines - 1, math.log(1.02), spread)


def test_a_simulation_sees_it_as_often() -> None:
    machines, draws = needed(0.02, 1) or 0, np.random.default_rng(1)
    a, b = (draws.normal(shift, math.hypot(BETWEEN, WITHIN), (4000, machines)) for shift in (0, math.log(1.02)))
    error = np.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / machines)
    seen = np.abs(b.mean(axis=1) - a.mean(axis=1)) > stats.t.isf(0.025, 2 * machines - 2) * error
    assert 0.78 < seen.mean() < 0.88


def test_fewer_than_three_machines_are_never_enough_and_more_runs_help_little() -> None:
    assert needed(0.5, 1) == 3
    one, ten = needed(0.01, 1), needed(0.01, 10)
    assert one is not None
    assert ten is not None
    assert 0.85 * one < ten <= one
    assert needed(0.0001, 10) is None


def test_the_command_answers_in_place_of_a_sweep() -> None:
    done = CliRunner().invoke(cli, ["plan", "--power", "H100 v A100 5%", "--format", "json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["a"], said["b"], said["share"]) == ("H100", "A100", 0.05)
    assert [row["machines"] for row in said["needed"]] == [needed(0.05, row["runs"]) for row in said["needed"]]
    assert "machines of each type" in CliRunner().invoke(cli, ["plan", "--power", "H100 v A100 5%"]).stdout
    assert CliRunner().invoke(cli, ["plan"]).exit_code != 0
