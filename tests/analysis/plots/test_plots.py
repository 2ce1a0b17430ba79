"""The numbers behind the plots, by hand, and the drawings made fit for a page."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure

from analysis.plots import data as plot_data, draw, points
from analysis.plots.data import Group, groups_of
from analysis.plots.draw import colours_of
from analysis.plots.figures import figures
from analysis.plots.svg import INK, SERIES, Tips, svg_of
from analysis.report.report import build_report
from bench.record.documents import AnyDocument, Phase, Policy, RecipeRef, Target
from tests.support import builders, small_store as a
from tests.support.page import Element, parse
from tests.support.program_runs import make_program_run


def groups(*documents: AnyDocument, policy: Policy = "airbench") -> list[Group]:
    report = build_report(documents, policy=policy)
    return groups_of(report.rows, report.runs)


def test_each_row_has_the_runs_it_was_made_of() -> None:
    loose = (Phase(name="train", start=0, stop=1, synchronised=False),)
    for group in groups(*a.a_small_store(), a.a_run(500, phases=loose)):
        assert len(group.runs) == (group.row.runs if group.row.kind == "measured" else 0)
        assert sum(run.hit for run in group.runs) == (group.row.hits if group.runs else 0)


def test_rows_whose_names_look_alike_keep_their_own_runs() -> None:
    twin = RecipeRef(name="myrtle\u200b", source_sha256="0" * 64)
    first, second = groups(a.a_run(10), a.a_run(11), a.a_run(12, recipe=twin))[:2]
    assert {len(first.runs), len(second.runs)} == {1, 2}
    assert [len(g.runs) for g in (first, second)] == [first.row.runs, second.row.runs]


def test_programs_are_left_out_of_plots_on_a_clock_that_they_lack() -> None:
    found = groups(make_program_run(), a.a_run(10))
    _, accuracy, share, _ = figures(found, "airbench", [run for group in found for run in group.runs], [])
    program = found[0].label
    assert f"Left out, no accuracy on this clock: {program}." in accuracy.notes
    assert f"Left out, no time on this clock: {program}." in share.notes
    of_most = [note for figure in (accuracy, share) for note in figure.notes if "with the most runs" in note]
    assert of_most == []


@given(st.lists(st.integers(), max_size=50), st.integers(1, 20))
def test_a_subsample_keeps_the_order_and_both_ends(items: list[int], limit: int) -> None:
    found = draw.subsample(items, limit)
    assert len(found) == min(len(items), limit)
    assert found[:1] == items[:1]
    if limit > 1:
        assert found[-1:] == items[-1:]


def test_the_front_holds_what_nothing_beats() -> None:
    published = groups()
    # Page's entry is both the fastest and the cheapest of the claim's four.
    assert [g.label for g in points.pareto_front(published)] == ["David Page"]
    dear_and_fast = groups(a.a_lease(1, "60"), a.a_run(10, 30.0, lease_id=a.an_id(1)))
    assert [g.label for g in points.pareto_front(dear_and_fast)] == ["David Page", "myrtle"]


def test_other_targets_are_no_rivals() -> None:
    easy = Target(at_least=0.60)
    found = points.pareto_fronts(groups(a.a_lease(1), a.a_run(10, 5.0, lease_id=a.an_id(1), target=easy)))
    assert sorted(len(pareto_front) for pareto_front in found) == [1, 1]


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ([a.a_run(10, accuracy=0.93)], "no run reached the target"),
        ([a.a_run(10)], "price unknown"),
        ([a.a_lease(1, currency="EUR"), a.a_run(10, lease_id=a.an_id(1))], "priced in EUR"),
        ([a.a_lease(1, "0"), a.a_run(10, lease_id=a.an_id(1))], "costs 0, which a logarithmic scale cannot show"),
        ([a.a_lease(1), a.a_run(10, lease_id=a.an_id(1))], None),
    ],
)
def test_why_a_row_has_no_place_among_times_and_dollars(documents: list[AnyDocument], why: str | None) -> None:
    assert points.cannot_be_placed(groups(*documents)[0]) == why


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ("airbench", [5, 9, 13, 15]),  # prepare 1, an epoch 4, final evaluation 2
        ("dawnbench", [5, 9, 13, 13]),
        ("mlperf", [6, 11, 16, 18]),
        ("cold", [11, 16, 21, 23]),
    ],
)
def test_evaluations_lie_where_the_clock_stood(policy: Policy, seconds: list[float]) -> None:
    found = plot_data.readings(builders.make_run(cold=True), policy)
    assert [reading.seconds for reading in found] == seconds
    assert [reading.accuracy for reading in found] == [0.90, 0.945, 0.948, 0.95]


def test_what_the_first_run_of_a_process_did_stands_on_the_clock_of_the_others() -> None:
    """A second each of loading and building, as if each run had done it, then prepare and train."""
    (group, *_) = groups(*a.a_series(10, (60, 62)), policy="dawnbench")
    assert [[reading.seconds for reading in curve] for curve in plot_data.curves(group, "dawnbench")] == [[60], [62]]
    found = plot_data.hits(group, "dawnbench")
    assert found is not None
    assert found.seconds == (60, 62)
    (unknown, *_) = groups(a.a_run(10), policy="dawnbench")
    assert plot_data.curves(unknown, "dawnbench") == [[]]


def test_without_a_cold_start_there_is_no_cold_line() -> None:
    assert plot_data.readings(builders.make_run(), "cold") == []


def test_epochs_are_those_of_all_runs() -> None:
    (group, *_) = groups(*a.a_series(10, (60, 62, 70), (0.93, 0.94, 0.95)))
    (epoch,) = plot_data.epochs(plot_data.curves(group, "airbench"))
    assert (epoch.epoch, epoch.runs, epoch.seconds, epoch.accuracies) == (24, 3, 62, (0.93, 0.94, 0.95))


def test_a_row_has_one_colour_in_all_plots_and_published_ones_have_none() -> None:
    found = groups(*a.a_small_store())
    colours = colours_of(found)
    assert [colours[g.label] for g in found] == [0, 1, 2, -1, -1, -1, -1]


def test_hits_rise_to_the_share_of_all_runs() -> None:
    (group, *_) = groups(*a.a_series(10, (60, 62, 70), (0.93, 0.94, 0.95)), a.a_broken_run(20))
    found = plot_data.hits(group, "airbench")
    assert found is not None
    assert (found.seconds, found.n, found.until) == ((62, 70), 4, 70)
    assert [found.share_by(k) for k in (1, 2)] == [0.25, 0.5]
    assert [found.quantile(share) for share in (0.1, 0.25, 0.5, 0.75)] == [62, 62, 70, None]


def test_a_hit_without_a_time_is_left_out_and_counted() -> None:
    (group, *_) = groups(builders.make_run(cold=True), builders.make_run(id=a.an_id(2)), policy="cold")
    found = plot_data.hits(group, "cold")
    assert found is not None
    assert (len(found.seconds), found.n, found.unplaced) == (1, 1, 1)


def test_a_drawing_takes_its_colours_from_the_page_and_styles_nothing_else() -> None:
    def draw(figure: Figure) -> Tips:
        axes = figure.add_subplot()
        axes.plot([1, 2], color=SERIES[1])
        axes.set_title("$x^2$ & <b>", color=INK)
        return {}

    first, second = (svg_of(name, draw, 4, 3) for name in ("one", "two"))
    assert first.body.replace("one-", "two-") == second.body
    assert "var(--series-1)" in first.body
    assert "$x^2$ &amp; &lt;b&gt;" in first.body
    assert not any(word in first.body for word in ("<style", "<metadata", "http", "xlink", *SERIES, INK))


def test_lines_and_single_markers_say_their_numbers_and_a_name_stands_for_its_point() -> None:
    def draw(figure: Figure) -> Tips:
        axes = figure.add_subplot()
        axes.plot([1, 2], gid="line")
        axes.plot([1, 2, 3], [1, 2, 3], "o", gid="points")
        axes.annotate('id="x" #0072b2', (1, 2), gid="line-name")
        return {"line": 'two\nlines & "<b>', "points": ["1", "2", "3"], "absent": "nothing"}

    drawn = parse(f"<svg>{svg_of('one', draw, 4, 3).body}</svg>")
    told = [element for element in drawn.every() if element.attributes.get("class") == "has-tip"]
    assert [(e.tag, e.attributes["aria-label"]) for e in told] == [
        ("g", 'two\nlines & "<b>'),
        ("use", "1"),
        ("use", "2"),
        ("use", "3"),
    ]
    assert {(e.attributes["tabindex"], e.attributes["role"]) for e in told} == {("-1", "img")}
    (name,) = (element for element in drawn.every() if element.attributes.get("class") == "name")
    assert name.attributes["data-of"] == told[0].attributes["id"] == "one-line"
    # What it says is anybody's text: no id and no colour of the drawing.
    assert name.text.strip() == 'id="x" #0072b2'


@pytest.mark.parametrize("narrow", [False, True])
def test_every_row_with_a_time_has_a_point_and_those_without_a_price_stand_apart(narrow: bool) -> None:
    found = groups(a.a_lease(1), a.a_run(10, 60.0, lease_id=a.an_id(1)), a.a_run(11, 62.0), a.a_run(12, accuracy=0.5))
    drawing = draw.time_and_cost([g for g in found if g.row.time_s], colours_of(found), narrow=narrow)
    said = [
        e.attributes["aria-label"] or ""
        for e in parse(f"<svg>{drawing.body}</svg>").every()
        if "aria-label" in e.attributes
    ]
    assert len(said) == len(found)
    (unpriced,) = (text for text in said if "unknown" in text)
    assert "median time: 61.0 s" in unpriced
    assert any("60.0 s" in text and "0.0510 USD" in text for text in said)


def _box(drawn: Element) -> tuple[float, float, float, float]:
    """Where a name lies, by the width of a letter that placing it reckons with, a little less of it all."""
    (text,) = drawn.all("text")
    x, y = (float(text.attributes[axis] or 0) for axis in "xy")
    width = 4.5 * len(text.text)
    style = text.attributes["style"] or ""
    left = x - width if "anchor: end" in style else x - width / 2 if "anchor: middle" in style else x
    return left, left + width, y - 7, y


def test_names_lie_beside_each_other_and_the_fastest_of_ours_has_one() -> None:
    documents: list[AnyDocument] = []
    for number in range(12):
        recipe = RecipeRef(name=f"recipe-{number}", source_sha256="0" * 64)
        documents.append(a.a_run(100 + number, 60 + number / 10, recipe=recipe))
    report = build_report(documents, which="all")
    found = groups_of(report.rows, report.runs)
    for narrow in (False, True):
        svg = draw.time_and_cost([g for g in found if g.row.time_s], colours_of(found), narrow=narrow)
        drawing = parse(f"<svg>{svg.body}</svg>")
        names = [element for element in drawing.every() if element.attributes.get("class") == "name"]
        assert "recipe-0" in [name.text.strip() for name in names]
        assert 6 < len(names) < len(found)
        boxes = [_box(name) for name in names]
        for one, (left, right, top, bottom) in enumerate(boxes):
            for other in boxes[:one]:
                assert not (left < other[1] and other[0] < right and top < other[3] and other[2] < bottom)
