"""A against B: what is called a winner, what is paired, what stays unknown."""

from __future__ import annotations

import pytest

from analysis.comparison.compare import slower
from bench.record.documents import Series
from tests.support import small_store as a
from tests.support.pairs import SLOW, a_pair, compared, finding, series


def test_a_faster_recipe_is_called_faster_with_its_interval():
    found = finding(compared(a_pair()), "time")
    assert found.winner == "A"
    assert found.text.startswith("fast is 2.00x faster than slow [2.00, 2.01] (n = 12, 12; paired, BCa bootstrap")


def test_turned_round_the_same_is_called_slower():
    there, back = finding(compared(a_pair()), "time"), finding(compared(a_pair(), "slow", "fast"), "time")
    assert back.winner == "B"
    assert back.estimate == pytest.approx(1 / there.estimate)
    assert back.text.startswith("slow is 2.00x slower than fast [2.00, 2.01]")


def test_runs_that_took_turns_are_paired_which_sees_through_a_drift():
    drifting = a_pair(drift=5, factor=1.05)
    assert finding(compared(drifting), "time").winner == "A"
    apart = [run.model_copy(update={"series": Series(id=run.id, index=0, planned=1)}) for run in drifting]
    assert finding(compared(apart), "time").winner is None
    assert any(note.startswith("unpaired") for note in compared(apart).notes)


def test_few_runs_have_no_winner_however_far_apart_they_are():
    found = compared(a_pair(n=3, factor=100))
    assert all(each.winner is None for each in found.findings)
    assert finding(found, "time").text == "inconclusive: n = 3, 3; at least 6 are needed"


@pytest.mark.parametrize("n", [6, 9])
def test_from_six_runs_on_there_is_a_winner(n):
    assert finding(compared(a_pair(n=n)), "time").winner == "A"
    unpaired = [*series("fast", 100, SLOW[:n]), *series("slow", 200, [2 * value for value in SLOW[:n]])]
    assert finding(compared(unpaired), "time").winner == "A"


def test_equal_recipes_show_no_difference():
    found = compared([*series("fast", 100, SLOW), *series("slow", 200, SLOW[::-1])])
    assert [each.winner for each in found.findings if not each.inconclusive] == [None] * 4
    assert finding(found, "time").text.startswith("no difference in time is seen: slow takes 1.000x that of fast [")
    assert not any("would be seen" in note for note in found.notes)  # these accuracies do not vary at all


def test_hitting_more_often_and_higher_is_said():
    good, bad = [0.945 + k / 1e4 for k in range(12)], [0.930 + k / 1e4 for k in range(12)]
    found = compared([*series("fast", 100, SLOW, good), *series("slow", 200, SLOW, bad)])
    assert finding(found, "hits").text == (
        "fast reaches its target more often than slow: 100 % of runs against 0 %, 100 points [65.7, 100] "
        "(n = 12, 12; Newcombe)"
    )
    assert finding(found, "accuracy").text.startswith("the mean accuracy of fast is higher than that of slow, by 1.500")
    assert finding(found, "time-per-success").inconclusive == "no run of slow reached its target"


def test_misses_make_a_success_dearer():
    half = [0.95, 0.93] * 10
    documents = [
        a.a_lease(1),
        *series("fast", 100, [20.0 + k % 5 / 10 for k in range(20)], lease_id=a.an_id(1)),
        *series("slow", 200, [20.0 + k % 5 / 10 for k in range(20)], half, lease_id=a.an_id(1)),
    ]
    found = compared(documents)
    assert finding(found, "cost").winner is None
    assert finding(found, "cost-per-success").winner == "A"
    assert finding(found, "cost-per-success").estimate == pytest.approx(2)


def test_costs_follow_the_price():
    documents = [a.a_lease(1, "3.00"), a.a_lease(2, "1.00", pricing_category="Dynamic")]
    documents += series("fast", 100, SLOW, lease_id=a.an_id(1)) + series("slow", 200, SLOW, lease_id=a.an_id(2))
    found = compared(documents)
    cost = finding(found, "cost")
    assert cost.winner == "B"
    assert cost.estimate == pytest.approx(1 / 3)
    assert cost.text.startswith("fast is 3.00x dearer than slow [")
    assert cost.text.endswith("; price categories, such as spot, differ)")
    assert "the price category differs: fast on-demand; slow spot" in found.notes


def test_without_a_price_cost_is_unknown():
    assert finding(compared(a_pair()), "cost").text == "unknown: fast has runs without a price"


def test_two_currencies_are_not_compared():
    documents = [a.a_lease(1), a.a_lease(2, currency="EUR")]
    documents += series("fast", 100, SLOW, lease_id=a.an_id(1)) + series("slow", 200, SLOW, lease_id=a.an_id(2))
    assert finding(compared(documents), "cost").text == "unknown: prices in EUR and USD"


def test_too_few_runs_say_nothing_about_being_slower():
    assert slower(compared(a_pair(n=3)), 0.05) is None
    with pytest.raises(ValueError, match="time is not among"):
        slower(compared(a_pair(), metrics=["hits"]), 0.05)
