"""A against B: what is called a winner, what is paired, what stays unknown, and the notes beside it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings, strategies as st

from analysis.comparison.compare import METRICS, Comparison, compare, slower
from analysis.comparison.qualifications import doubts
from analysis.comparison.side import select, side_line
from analysis.frames.runs import runs_frame
from analysis.published.runs import with_published
from bench.errors import UsageError
from bench.record.documents import AnyDocument, MetricTarget, Phase, Series
from tests.support import small_store as a
from tests.support.pairs import SLOW, XEON, a_pair, compared, finding, named, series
from tests.support.published_runs import published


def note(comparison: Comparison, *facts: str) -> str:
    """The one note that holds all the facts."""
    (found,) = (note for note in comparison.notes if all(fact in note for fact in facts))
    return found


def test_a_faster_recipe_wins_and_turned_round_the_other_does() -> None:
    there, back = finding(compared(a_pair()), "time"), finding(compared(a_pair(), "slow", "fast"), "time")
    assert (there.winner, there.n, there.measure) == ("A", (12, 12), "ratio B / A")
    assert there.interval is not None
    assert there.estimate is not None
    assert there.estimate == pytest.approx(2, abs=0.01)
    assert there.interval.method == "paired, BCa bootstrap"
    assert back.winner == "B"
    assert back.estimate == pytest.approx(1 / there.estimate)
    # Both sentences have the ratio above 1.
    assert "2.00x" in there.text
    assert "2.00x" in back.text


def test_interleaved_runs_are_paired_which_sees_through_a_drift() -> None:
    drifting = a_pair(drift=5, factor=1.05)
    assert finding(compared(drifting), "time").winner == "A"
    apart = [run.model_copy(update={"series": Series(id=run.id, index=0, planned=1)}) for run in drifting]
    assert finding(compared(apart), "time").winner is None
    assert note(compared(drifting), "paired: ")
    assert note(compared(apart), "unpaired: ")


def test_on_machines_that_one_side_alone_ran_on_nothing_is_compared() -> None:
    """On the V100 `fast` takes half as long; on the Xeon, where it takes ten times as long, `slow` never ran."""
    there = a_pair()
    elsewhere = series("fast", 300, [10 * seconds for seconds in SLOW], device=XEON)
    comparison, alone = compared([*there, *elsewhere]), compared(there)
    assert comparison.findings == alone.findings
    assert comparison.notes[0] == "left out: 12 runs of fast on 2 x Xeon, where slow did not run"
    assert comparison.notes[1:] == alone.notes
    back = compared([*there, *elsewhere], "slow", "fast")
    assert back.notes[0] == comparison.notes[0]


def test_without_a_machine_in_common_all_runs_are_compared_and_the_machines_are_named() -> None:
    comparison = compared([*series("fast", 100, SLOW, device=XEON), *series("slow", 200, SLOW)])
    assert finding(comparison, "time").n == (12, 12)
    assert note(comparison, "the machine differs", "2 x Xeon", "V100")


def test_several_types_at_once_say_nothing_of_time_or_cost_unless_interleaved() -> None:
    """`fast` ran mostly on the Xeon, `slow` mostly on the V100, where both take a tenth of the time."""
    fast = [*series("fast", 100, SLOW[:3]), *series("fast", 300, [10 * value for value in SLOW], device=XEON)]
    slow = [*series("slow", 200, SLOW), *series("slow", 400, [10 * value for value in SLOW[:3]], device=XEON)]
    comparison = compared([*fast, *slow])
    reason = "fast ran on 2 machine types, 2 x Xeon, Tesla V100-SXM2-16GB: select one with @MACHINE"
    assert [finding(comparison, metric).inconclusive for metric in ("time", "time-per-success")] == [reason] * 2
    assert finding(comparison, "hits").inconclusive is None
    assert "; no median over 2 machine types; 15 of 15 reached" in side_line(comparison.a, comparison.policy)
    on_both = [*a_pair(), *series("fast", 300, SLOW, device=XEON), *series("slow", 400, SLOW, shared=300, device=XEON)]
    assert finding(compared(on_both), "time").n == (24, 24)


RUNS = st.lists(st.tuples(st.floats(3.5, 1e6), st.sampled_from([0.93, 0.94, 0.95])), min_size=1, max_size=14)


@pytest.mark.slow
@given(RUNS, RUNS)
@settings(max_examples=15)
# An interval whose lower end is 0.
@example([(800.0, 0.95)] * 8 + [(3.5, 0.93)] * 6 + [(3.5, 0.95)] * 14, [(800.0, 0.95)] + [(3.5, 0.95)] * 18)
def test_whatever_runs_took_and_reached_it_is_said(
    fast: list[tuple[float, float]], slow: list[tuple[float, float]]
) -> None:
    sides = [
        series(name, first, [seconds for seconds, _ in runs], [accuracy for _, accuracy in runs])
        for name, first, runs in (("fast", 100, fast), ("slow", 200, slow))
    ]
    comparison = compared([run for side in sides for run in side])
    assert len(comparison.findings) == len(METRICS)
    assert slower(comparison, 0.05) in (True, False, None)


def test_few_runs_have_no_winner_however_far_apart_they_are() -> None:
    comparison = compared(a_pair(n=3, factor=100))
    assert {finding.winner for finding in comparison.findings} == {None}
    assert finding(comparison, "time").inconclusive == "n = 3, 3; at least 6 are needed"


@pytest.mark.parametrize("n", [6, 9])
def test_from_six_runs_on_there_is_a_winner(n: int) -> None:
    assert finding(compared(a_pair(n=n)), "time").winner == "A"
    unpaired = [*series("fast", 100, SLOW[:n]), *series("slow", 200, [2 * value for value in SLOW[:n]])]
    assert finding(compared(unpaired), "time").winner == "A"


def test_equal_recipes_show_no_difference() -> None:
    comparison = compared([*series("fast", 100, SLOW), *series("slow", 200, SLOW[::-1])])
    conclusive = [finding for finding in comparison.findings if not finding.inconclusive]
    assert [finding.winner for finding in conclusive] == [None] * 3
    assert finding(comparison, "time").estimate == 1


@pytest.mark.parametrize("other", [0.9427, 0.95])
def test_accuracies_that_do_not_vary_say_nothing(other: float) -> None:
    comparison = compared([*series("fast", 100, SLOW[:6], [0.9427] * 6), *series("slow", 200, SLOW[:7], [other] * 7)])
    assert finding(comparison, "accuracy").inconclusive == "nothing varies"
    assert not any("points" in note for note in comparison.notes)


def test_hitting_more_often_and_higher_wins() -> None:
    good, bad = [0.945 + k / 1e4 for k in range(12)], [0.930 + k / 1e4 for k in range(12)]
    comparison = compared([*series("fast", 100, SLOW, good), *series("slow", 200, SLOW, bad)])
    hits, accuracy = finding(comparison, "hits"), finding(comparison, "accuracy")
    assert (hits.winner, hits.estimate) == ("A", 1)
    assert hits.interval is not None
    assert hits.interval.low == pytest.approx(0.657, abs=5e-4)
    assert hits.interval.method == "Newcombe"
    assert "100 % of runs against 0 %, 100 points [65.7, 100]" in hits.text
    assert accuracy.winner == "A"
    assert accuracy.estimate == pytest.approx(0.015)
    assert finding(comparison, "time-per-success").inconclusive == "no run of slow reached its target"


def test_misses_make_a_success_more_expensive() -> None:
    half = [0.95, 0.93] * 10
    documents: list[AnyDocument] = [
        a.a_lease(1),
        *series("fast", 100, [20.0 + k % 5 / 10 for k in range(20)], lease_id=a.an_id(1)),
        *series("slow", 200, [20.0 + k % 5 / 10 for k in range(20)], half, lease_id=a.an_id(1)),
    ]
    comparison = compared(documents)
    assert finding(comparison, "cost").winner is None
    success = finding(comparison, "cost-per-success")
    assert success.winner == "A"
    assert success.estimate == pytest.approx(2)


def test_costs_follow_the_price_and_price_categories_are_marked() -> None:
    documents = [a.a_lease(1, "3.00"), a.a_lease(2, "1.00", pricing_category="Dynamic")]
    priced = [*series("fast", 100, SLOW, lease_id=a.an_id(1)), *series("slow", 200, SLOW, lease_id=a.an_id(2))]
    comparison = compared([*documents, *priced])
    cost = finding(comparison, "cost")
    assert cost.winner == "B"
    assert cost.estimate == pytest.approx(1 / 3)
    assert "3.00x" in cost.text
    assert "price categories, such as spot, differ" in cost.text
    assert note(comparison, "price category", "fast on-demand", "slow spot")


def test_without_a_price_or_in_two_currencies_cost_is_unknown() -> None:
    assert finding(compared(a_pair()), "cost").text == "unknown: fast has runs without a price"
    leases = [a.a_lease(1), a.a_lease(2, currency="EUR")]
    runs = [*series("fast", 100, SLOW, lease_id=a.an_id(1)), *series("slow", 200, SLOW, lease_id=a.an_id(2))]
    assert finding(compared([*leases, *runs]), "cost").text == "unknown: prices in EUR and USD"


def test_too_few_runs_say_nothing_about_being_slower() -> None:
    assert slower(compared(a_pair(n=3)), 0.05) is None
    with pytest.raises(ValueError, match="time"):
        slower(compared(a_pair(), metrics=["hits"]), 0.05)


def test_a_note_tells_which_difference_of_accuracy_could_have_been_seen() -> None:
    noise = [0.941 + 0.001 * (k % 4) for k in range(12)]
    comparison = compared([*series("fast", 100, SLOW, noise), *series("slow", 200, SLOW, noise[::-1])])
    assert note(comparison, "accuracy: ", "0.14 points", "80 %")


def test_other_machines_are_marked_in_the_sentence_and_in_a_note() -> None:
    comparison = compared([*series("fast", 100, SLOW), *series("slow", 200, SLOW, device=XEON)])
    assert "machines differ" in finding(comparison, "time").text
    assert note(comparison, "machine", "fast Tesla V100-SXM2-16GB", "slow 2 x Xeon")


def test_broken_runs_are_misses() -> None:
    broken = a.a_broken_run(300, recipe=named("fast"), series=Series(id=a.an_id(300), index=0, planned=1))
    comparison = compared([*series("fast", 100, SLOW), broken, *series("slow", 200, SLOW)])
    assert finding(comparison, "hits").n == (13, 12)
    assert finding(comparison, "time").n == (12, 12)
    assert note(comparison, "1 of fast did not complete")


def test_a_run_whose_clock_cannot_be_trusted_is_left_out() -> None:
    loose = (Phase(name="train", start=0, stop=1, synchronised=False),)
    bad = a.a_run(300, phases=loose, recipe=named("fast"))
    comparison = compared([*series("fast", 100, SLOW), bad, *series("slow", 200, SLOW)])
    assert finding(comparison, "hits").n == (12, 12)
    assert note(comparison, "1 of fast excluded")
    with pytest.raises(UsageError, match="fast"):
        compared([bad, *series("slow", 200, SLOW)])


def test_repeated_seeds_are_noted() -> None:
    again = [*series("fast", 100, SLOW), *series("fast", 150, SLOW), *series("slow", 200, SLOW)]
    assert note(compared(again), "12 of fast repeat a seed")


@pytest.mark.parametrize(("seeds", "repeated"), [([None] * 10, 0), ([7, 7, 8, *[None] * 7], 1)])
def test_seeds_that_nobody_told_are_not_repeated(seeds: list[int | None], repeated: int) -> None:
    told = published("fast", 10)
    runs = tuple(run.model_copy(update={"seed": seed}) for run, seed in zip(told.runs, seeds, strict=True))
    side = select(with_published(runs_frame([]), [published("fast", 10, runs=runs)]), "fast", "here")
    assert [note.split()[0] for note in doubts(side)] == ([str(repeated)] if repeated else [])


@pytest.mark.parametrize(
    ("metric", "words"),
    [("accuracy", "by 1.000 points ["), ("map", "by 0.0100 [")],
)
def test_published_accuracies_are_compared_in_points_and_other_metrics_in_their_own_unit(
    metric: str, words: str
) -> None:
    target = MetricTarget(metric=metric, at_least=0.94, at_most=None)
    high = published("high", 10, target=target)
    runs = tuple(run.model_copy(update={"value": run.value and run.value - 0.01}) for run in high.runs)
    frame = with_published(runs_frame([]), [high, published("low", 10, target=target, runs=runs)])
    found = finding(compare(select(frame, "high", "here"), select(frame, "low", "here")), "accuracy")
    assert (found.winner, round(found.estimate or 0, 6)) == ("A", 0.01)
    assert words in found.text


def test_misses_have_no_time_under_a_clock_that_stops_at_the_target() -> None:
    missed = series("slow", 200, SLOW, [0.93] * 4 + [0.95] * 8)
    comparison = compared([*series("fast", 100, SLOW), *missed], policy="dawnbench")
    assert finding(comparison, "time").n == (12, 8)
    assert note(comparison, "4 of slow", "dawnbench")
