"""Which machines a comparison is about: one speaks for itself, three of a type for it, and each is its own control."""

from __future__ import annotations

from bench.record.documents import Machine
from tests.support.pairs import compared, finding, on


def test_on_one_machine_a_comparison_is_about_that_machine_and_says_so() -> None:
    comparison = compared([*on(1, "fast", 100, 1), *on(1, "slow", 300, 1.01)])
    assert finding(comparison, "time").winner == "A"
    assert [note for note in comparison.notes if note.startswith("fast ran on 1 machine, ")]


def test_pairs_within_each_of_several_machines_are_about_the_type() -> None:
    comparison = compared([*on(5, "fast", 100, 1), *on(5, "slow", 300, 1.01)])
    time = finding(comparison, "time")
    assert time.winner == "A"
    assert time.interval is not None
    assert time.interval.method == "paired, random effects of machines, 5 machines"
    assert not [note for note in comparison.notes if "fast ran on" in note]


def test_without_pairs_the_same_machines_are_compared_each_with_itself() -> None:
    time = finding(compared([*on(5, "fast", 100, 1), *on(5, "slow", 300, 1.01, apart=50)]), "time")
    assert time.winner == "A"
    assert time.interval is not None
    assert time.interval.method == "within machines, random effects of machines, 5 machines"


def test_other_machines_of_types_that_vary_show_no_such_difference() -> None:
    time = finding(compared([*on(5, "fast", 100, 1), *on(5, "slow", 300, 1.01, other=50, apart=50)]), "time")
    assert time.winner is None
    assert time.interval is not None
    assert time.interval.method == "random effects of machines, 5 and 5 machines"


def test_a_series_that_went_on_on_another_machine_has_pairs_on_each_only() -> None:
    slow = [
        run.model_copy(update={"machine": Machine(host="f" * 16)}) if run.seed == 7 else run
        for run in on(1, "slow", 300, 1.01)
    ]
    assert finding(compared([*on(1, "fast", 100, 1), *slow]), "time").n == (7, 7)
