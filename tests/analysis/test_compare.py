"""A against B: what is called a winner, what is paired, what must be said beside it."""

from __future__ import annotations

import json
import re

import pytest
import small_store as a
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.compare import METRICS, compare, select, slower
from analysis.compare_text import FORMATS, render
from analysis.frame import runs_frame
from bench.errors import UsageError
from bench.record.documents import Device, Phase, RecipeRef, Series
from bench.record.policy import POLICIES

SLOW = [20.0 + k % 5 / 10 for k in range(12)]
XEON = Device(kind="cpu", name="Xeon", count=2, precision="float32", path="eager")


def named(name):
    return RecipeRef(name=name, source_sha256="0" * 64)


def series(name, first, seconds, accuracies=None, shared=None, **changes):
    """A series of `name`, its seeds counted up; `shared` is the series it took turns in."""
    runs = a.a_series(first, seconds, accuracies, recipe=named(name), **changes)
    moved = Series(id=a.an_id(shared or first), index=0, planned=len(runs))
    return [
        run.model_copy(update={"seed": k, "series": moved.model_copy(update={"index": k})})
        for k, run in enumerate(runs)
    ]


def compared(documents, one="fast", two="slow", **options):
    frame = runs_frame(documents)
    return compare(select(frame, one, "here"), select(frame, two, "here"), **options)


def finding(comparison, metric):
    return next(found for found in comparison.findings if found.metric == metric)


def a_pair(n=12, drift=0.0, factor=2.0, **changes):
    """`fast` and `slow` taking turns on a machine that gets slower by `drift` s a round."""
    seconds = [20.0 + drift * k + k % 5 / 10 for k in range(n)]
    slower_ones = [factor * value + k % 3 / 10 for k, value in enumerate(seconds)]
    return [*series("fast", 100, seconds, **changes), *series("slow", 200, slower_ones, shared=100, **changes)]


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


def test_what_accuracy_could_have_shown_is_said_where_it_shows_nothing():
    noise = [0.941 + 0.001 * (k % 4) for k in range(12)]
    found = compared([*series("fast", 100, SLOW, noise), *series("slow", 200, SLOW, noise[::-1])])
    assert "accuracy: at this n and spread, a true difference of 0.14 points would be seen" in " ".join(found.notes)


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


def test_other_machines_are_marked_in_the_sentence_and_in_a_note():
    found = compared([*series("fast", 100, SLOW), *series("slow", 200, SLOW, device=XEON)])
    assert finding(found, "time").text.endswith("; machines differ)")
    assert (
        "the machine differs: fast Tesla V100-SXM2-16GB; slow 2 x Xeon; this compares machines, not only recipes"
    ) in found.notes


def test_broken_runs_are_misses_and_are_said():
    broken = a.a_broken_run(300, recipe=named("fast"), series=Series(id=a.an_id(300), index=0, planned=1))
    found = compared([*series("fast", 100, SLOW), broken, *series("slow", 200, SLOW)])
    assert finding(found, "hits").n == (13, 12)
    assert finding(found, "time").n == (12, 12)
    assert "1 of fast did not complete: counted as misses, without a time" in found.notes


def test_a_run_whose_clock_cannot_be_trusted_is_left_out_and_said():
    loose = (Phase(name="train", start=0, stop=1, synchronised=False),)
    bad = a.a_run(300, phases=loose, recipe=named("fast"))
    found = compared([*series("fast", 100, SLOW), bad, *series("slow", 200, SLOW)])
    assert finding(found, "hits").n == (12, 12)
    assert any(note.startswith("1 of fast not counted") for note in found.notes)
    with pytest.raises(UsageError, match="no run of fast counts"):
        compared([bad, *series("slow", 200, SLOW)])


def test_repeated_seeds_are_said():
    again = [*series("fast", 100, SLOW), *series("fast", 150, SLOW), *series("slow", 200, SLOW)]
    assert any(note.startswith("12 of fast repeat a seed") for note in compared(again).notes)


def test_a_recipe_on_two_machines_is_compared_by_naming_them():
    documents = [*series("fast", 100, SLOW), *series("fast", 200, [2 * value for value in SLOW], device=XEON)]
    found = compared(documents, "fast@v100", "fast@xeon")
    assert finding(found, "time").text.startswith("fast@v100 is 2.00x faster than fast@xeon [")


def test_a_name_with_an_at_is_a_recipe_first():
    side = select(runs_frame(series("fast@home", 100, SLOW)), "fast@home", "here")
    assert (side.label, len(side.runs)) == ("fast@home", 12)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fats", "no run of 'fats' in here; did you mean fast?"),
        ("zzzzzz", "no run of 'zzzzzz' in here; it has fast, slow"),
        ("fast@A100", "no run of 'fast' on a machine called 'A100' in here; ran on: Tesla V100-SXM2-16GB"),
    ],
)
def test_an_unknown_selection_is_refused_with_what_there_is(name, said):
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        compared(a_pair(), name)


def test_an_empty_store_has_no_runs_at_all():
    with pytest.raises(UsageError, match="it has no runs at all"):
        compared([])


def test_runs_are_not_compared_with_themselves():
    with pytest.raises(UsageError, match="12 runs in common"):
        compared(a_pair(), "fast", "fast@V100")


def test_one_recipe_of_two_stores_is_told_apart():
    old, new = runs_frame(series("fast", 100, SLOW)), runs_frame(series("fast", 200, [1.1 * value for value in SLOW]))
    found = compare(select(new, "fast", "new"), select(old, "fast", "old"))
    assert finding(found, "time").text.startswith("fast (A) is 1.10x slower than fast (B) [")
    assert slower(found, 0.05) is True
    assert slower(found, 0.2) is False
    assert slower(found, 0.1) is None


def test_too_few_runs_say_nothing_about_being_slower():
    assert slower(compared(a_pair(n=3)), 0.05) is None
    with pytest.raises(ValueError, match="time is not among"):
        slower(compared(a_pair(), metrics=["hits"]), 0.05)


def test_misses_without_a_time_are_said_under_a_clock_that_stops_at_the_target():
    missed = series("slow", 200, SLOW, [0.93] * 4 + [0.95] * 8)
    found = compared([*series("fast", 100, SLOW), *missed], policy="dawnbench")
    assert finding(found, "time").n == (12, 8)
    assert any("4 of slow completed without a time under the dawnbench clock" in note for note in found.notes)


def test_the_formats_say_the_same():
    found = compared(a_pair())
    content = json.loads(render(found, "json"))
    assert content["schema_version"] == 1
    for form in ("table", "markdown"):
        for each in content["findings"]:
            assert each["text"] in render(found, form)
        for note in content["notes"]:
            assert note.replace("|", "\\|") in render(found, form)
    assert [each["metric"] for each in content["findings"]] == list(METRICS)
    with pytest.raises(UsageError, match="'xml' is no format"):
        render(found, "xml")


@pytest.mark.parametrize(
    "text", ["a | b", "{}{0}", "\x1b[31mred", "x\n| y |", "<script>", "\u202egnp", "=1+1", "50 % {x}"]
)
def test_names_from_records_cannot_break_a_format(text):
    hostile = Device(kind="cpu", name=text, precision="float32", path="eager")
    documents = [*series(text, 100, SLOW), *series("slow", 200, [value * 2 for value in SLOW], device=hostile)]
    found = compared(documents, runs_frame(documents)["recipe"].map(select_name)[0])
    for form in FORMATS:
        assert not set(render(found, form)) & {"\x1b", "\u202e", "\r"}
    lines = render(found, "markdown").splitlines()
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert {len(row.split("|")) for row in rows} == {4}
    assert "<script" not in "\n".join(lines).replace("\\<", "")


def select_name(text):
    """The name as a report shows it, which is what a reader can type."""
    from analysis.escape import clean

    return clean(text)


@given(
    st.lists(st.tuples(st.floats(4, 1e4), st.floats(0, 1)), min_size=1, max_size=9),
    st.lists(st.tuples(st.floats(4, 1e4), st.floats(0, 1)), min_size=1, max_size=9),
    st.booleans(),
    st.sampled_from(POLICIES),
)
@settings(deadline=None, max_examples=12)
def test_any_runs_can_be_compared(one, two, turns, policy):
    documents = [
        *series("fast", 100, *zip(*one, strict=True)),
        *series("slow", 200, *zip(*two, strict=True), shared=100 if turns else None),
    ]
    found = compared(documents, policy=policy)
    for form in FORMATS:
        assert render(found, form)
    for each in found.findings:
        assert each.winner is None or min(each.n) >= 6
        assert each.inconclusive or each.interval.low <= each.estimate <= each.interval.high
