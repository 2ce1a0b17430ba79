"""What of the HTML report is read first: the answer, the verdicts, and a table that fits."""

from __future__ import annotations

import cProfile
import pstats
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.report.answer import answer
from analysis.report.html import MOST_COLUMNS, as_html
from analysis.report.report import build_report, read_report
from analysis.tables.given_prices import WhatIf, what_if_price
from bench.record.documents import AnyDocument, LeaseOpened, RecipeRef, Target
from bench.store import open_store
from tests.support import page, small_store as a
from tests.support.published_runs import published

OTHER = RecipeRef(name="other", source_sha256="0" * 64)
LEASES = [a.a_lease(k, str(k)) for k in (1, 2, 3)]


def test_the_answer_comes_first_then_a_verdict_for_each_claim() -> None:
    report = build_report(a.a_small_store())
    tree = page.parse(as_html(report))
    (main,) = tree.all("main")
    first, second, *_ = main.elements()
    assert (first.attributes["id"], second.attributes["id"]) == ("answer", "cost")
    assert 2 <= len([e for e in first.elements() if e.tag == "p"]) <= 3
    (verdicts,) = first.all("ul")
    assert [item.all("b")[0].text for item in verdicts.all("li")] == [check.verdict for check in report.checks]
    for item, check in zip(verdicts.all("li"), report.checks, strict=True):
        assert check.claim.text in item.text
        assert check.basis in item.text


@pytest.mark.parametrize("what_if", [None, what_if_price(None, "0.35", spot=True)])
def test_the_first_table_has_at_most_nine_columns_and_what_they_leave_out_is_said_in_its_cells(
    what_if: WhatIf | None,
) -> None:
    report = build_report(a.a_small_store(), what_if=what_if)
    table = page.table_of(page.parse(as_html(report)), "costs")
    headers = [" ".join(th.text.split()) for th in table.all("thead")[0].all("th")]
    assert len(headers) <= MOST_COLUMNS
    assert sum(header.startswith("what-if") for header in headers) == (2 if what_if else 0)
    spot, demand, unpriced = ([" ".join(cell.text.split()) for cell in row.elements()] for row in sorted_rows(table))
    assert "to 94 %" in spot[0]
    assert spot[1].endswith("0.918 USD/h, spot")
    assert demand[1].endswith("3.06 USD/h, on-demand")
    assert demand[2].endswith("8 of 13 runs (1 failed)")
    assert unpriced[1].endswith("price unknown")


def sorted_rows(table: page.Element) -> list[page.Element]:
    """The rows by their price: spot, on demand, unknown."""
    rows = table.all("tbody")[0].all("tr")
    return sorted(
        rows, key=lambda row: next((k for k, mark in enumerate(("spot", "on-demand")) if mark in row.text), 9)
    )


def test_all_published_entries_are_marked_rows_of_the_folded_table_alone() -> None:
    tree = page.parse(as_html(build_report(a.a_small_store(), which="all")))
    assert len(page.cost_table_of(tree).rows()) == 3 + 31
    assert len(page.table_of(tree, "costs").rows()) == 3
    folded = [table.attributes.get("id") for details in tree.all("details") for table in details.all("table")]
    assert "all-rows-table" in folded
    assert "costs-table" not in folded


def test_the_answer_is_the_fastest_the_cheapest_and_what_that_rests_on() -> None:
    runs: list[AnyDocument] = [
        a.a_lease(1),
        a.a_lease(2, "0.918", pricing_category="Dynamic"),
        *a.a_series(100, a.SPREAD, lease_id=a.an_id(1), recipe=OTHER),
        *a.a_series(200, [2 * seconds for seconds in a.SPREAD], lease_id=a.an_id(2)),
        # Of another target, and the fastest of all.
        a.a_run(300, 5.0, 0.81, target=Target(at_least=0.80)),
    ]
    fastest, cheapest, sure = answer(build_report(runs))
    for words in ("to 94 %", "other on Tesla V100", "65.5 s [62", "12 of 12 runs", "100 % [75.8, 100]"):
        assert words in fastest
    for words in ("myrtle on Tesla V100", "0.0334 USD", "spot"):
        assert words in cheapest
    for words in ("myrtle on Tesla V100", "131 s", "25 runs", "1 run to 80 %"):
        assert words in sure


@pytest.mark.parametrize("lease", [[], LEASES])
@pytest.mark.parametrize("what_if", [None, what_if_price(None, "36")])
def test_what_never_hit_has_no_cost_at_any_price(lease: list[LeaseOpened], what_if: WhatIf | None) -> None:
    lease_id = a.an_id(1) if lease else None
    runs = [a.a_run(k, accuracy=0.5, lease_id=lease_id) for k in (11, 12)]
    fastest, cost, _ = answer(build_report([*lease, *runs], what_if=what_if))
    assert "2 runs" in fastest
    for words in ("USD", "--price-per-hour", "unknown"):
        assert words not in cost


def test_what_has_no_price_is_told_how_to_have_one() -> None:
    assert "--price-per-hour" in answer(build_report([a.a_run(1)]))[1]
    # A time that the clock does not tell has no cost at any price.
    cost = answer(build_report([a.a_run(1)], policy="cold", what_if=what_if_price(None, "36")))[1]
    assert "unknown" in cost
    assert "--price-per-hour" not in cost


def test_each_currency_has_its_own_cheapest() -> None:
    leases = [a.a_lease(k, "36", currency=currency) for k, currency in enumerate(("EUR", "USD", "EUR"), 1)]
    recipes = [RecipeRef(name=name, source_sha256="0" * 64) for name in ("one", "two", "three")]
    runs = [
        run
        for k, recipe in enumerate(recipes, 1)
        for run in a.a_series(100 * k, [100 * k + s for s in a.SPREAD], recipe=recipe, lease_id=a.an_id(k))
    ]
    cost = answer(build_report([*leases, *runs]))[1]
    assert re.findall(r"uccess (was|of) (\w+) .*? ([\d.]+) (USD|EUR)", cost) == [
        ("of", "two", "2.66", "USD"),
        ("was", "one", "1.66", "EUR"),
    ]


@pytest.mark.parametrize(("later", "overlap"), [(0.1, True), (30, False)])
def test_intervals_that_overlap_are_said_to(later: float, overlap: bool) -> None:
    other = [later + seconds for seconds in a.SPREAD]
    runs = [*a.a_series(100, a.SPREAD, lease_id=a.an_id(1)), *a.a_series(200, other, recipe=OTHER, lease_id=a.an_id(1))]
    fastest, cost, rest = answer(build_report([*LEASES, *runs]))
    assert fastest.startswith("Fastest to 94 % was myrtle ")
    assert ("overlaps" in cost) == ("overlaps" in rest) == overlap


@pytest.mark.parametrize(("lease", "paid"), [([], False), ([a.a_lease(1)], True)])
def test_a_what_if_price_is_told_apart_from_what_was_paid(lease: list[LeaseOpened], paid: bool) -> None:
    runs = a.a_series(100, a.SPREAD, lease_id=a.an_id(1) if paid else None)
    _, cost, _ = answer(build_report([*lease, *runs], what_if=what_if_price(None, "36", currency="EUR")))
    assert ("0.0557 USD [0.0537, 0.0736] (on-demand, 12 runs)" in cost) == paid
    assert "0.655 EUR [0.632, 0.866] (12 runs)" in cost
    assert "which nobody paid" in cost


@pytest.mark.parametrize(
    ("machines", "on", "about"),
    [
        (None, "12 runs),", "the machines that ran"),
        (1, "on 1 machine", "the machines that ran"),
        (3, "on 3 machines", "its machine type"),
    ],
)
def test_the_answer_says_on_how_many_machines_and_what_its_interval_is_about(
    machines: int | None, on: str, about: str
) -> None:
    report = build_report(a.a_series(100, a.SPREAD))
    rows = tuple(replace(row, machines=machines) for row in report.rows)
    fastest, _, sure = answer(replace(report, rows=rows))
    assert on in fastest
    assert about in sure


def test_without_runs_the_answer_is_how_to_make_one() -> None:
    report = build_report([])
    assert answer(report) == [report.headline]


def test_rows_without_a_price_stand_at_the_what_if_price_as_rings_and_beat_nobody() -> None:
    runs: list[AnyDocument] = [
        a.a_lease(1, "36"),
        a.a_run(1, 60.0, lease_id=a.an_id(1)),
        a.a_run(2, 30.0, recipe=OTHER),
    ]
    first, *_ = page.parse(as_html(build_report(runs, what_if=what_if_price(None, "12", currency="USD")))).all("figure")
    said = [
        e.attributes["aria-label"] or "" for e in first.all("svg")[0].every() if e.attributes.get("class") == "has-tip"
    ]
    (supposed,) = (text for text in said if "what-if" in text)
    assert "other" in supposed
    assert "0.100 USD" in supposed
    assert [item.text for item in first.all("ul")[0].all("li")][1] == "at the what-if price, which nobody paid"
    rows = {row[0]: row for row in first.all("table")[0].rows()}
    assert rows["other"][5:] == ["0.100", "–", "what-if", "–"]  # noqa: RUF001 -- the dash of the page
    assert rows["myrtle"][5] == "0.600"


def test_the_fastest_and_the_next_are_told_apart_where_one_recipe_ran_on_one_machine_in_two_ways() -> None:
    eager = a.a_run(1).device.model_copy(update={"path": "eager"})
    later = [10 + seconds for seconds in a.SPREAD]
    report = build_report([*a.a_series(100, a.SPREAD), *a.a_series(200, later, device=eager)])
    first, _, rest = answer(report)
    assert "Tesla V100-SXM2-16GB (graphs):" in first
    assert "Tesla V100-SXM2-16GB (eager)," in rest


def test_a_name_from_right_to_left_is_kept_apart_from_the_numbers_behind_it() -> None:
    hebrew = RecipeRef(name="\u05d0\u05d1", source_sha256="0" * 64)
    first, cost, _ = answer(build_report([*LEASES, *a.a_series(100, a.SPREAD, recipe=hebrew, lease_id=a.an_id(1))]))
    assert first.startswith("\u2068\u05d0\u05d1\u2069 on Tesla V100-SXM2-16GB took 65.5 s [62.5, 68.5] to 94 %")
    assert cost.startswith("A success of \u2068\u05d0\u05d1\u2069 on Tesla V100-SXM2-16GB cost ")


def test_brackets_are_explained_where_there_are_some() -> None:
    failed = answer(build_report([a.a_broken_run(1), a.a_broken_run(2)]))
    assert failed == [
        "None of 2 runs to 94 % hit the target.",
        "There is no cost per success, since no run hit.",
        "In total 2 runs on 1 kind of machine.",
    ]
    assert "Brackets are 95 % intervals" in answer(build_report([a.a_run(1)]))[2]


def test_the_only_row_with_runs_enough_is_named_with_that() -> None:
    runs = [*a.a_series(100, a.SPREAD, lease_id=a.an_id(1)), a.a_run(900, recipe=OTHER, lease_id=a.an_id(1))]
    first, cost, _ = answer(build_report([*LEASES, *runs]))
    assert first.endswith("; no other row has 6 or more timed runs.")
    assert cost.endswith("; no other row has a cost from 10 or more runs in USD.")


def test_what_tells_the_cheapest_apart_is_not_said_twice() -> None:
    leases = [a.a_lease(1), a.a_lease(2, "0.918", pricing_category="Dynamic")]
    runs = [run for k in (1, 2) for run in a.a_series(100 * k, a.SPREAD, lease_id=a.an_id(k))]
    cost = answer(build_report([*leases, *runs]))[1]
    assert "Tesla V100-SXM2-16GB (spot): 0.0167 USD [0.0161, 0.0221] (12 runs)." in cost


def rivals(*runs: int) -> list[AnyDocument]:
    """A recipe for each of `runs`, which has as many: each slower than the one before it, and dearer an hour."""
    found: list[AnyDocument] = [*LEASES]
    for k, count in enumerate(runs, start=1):
        recipe = RecipeRef(name=f"recipe-{k}", source_sha256="0" * 64)
        found += a.a_series(
            100 * k, [10.0 * k + 0.1 * index for index in range(count)], recipe=recipe, lease_id=a.an_id(k)
        )
    return found


@pytest.mark.parametrize(
    ("runs", "fastest", "cheapest"),
    [
        # The recipe that is called the first of all; none without a rival that has as many runs.
        ((5, 5), None, None),
        ((2, 12), None, None),
        ((12,), None, None),
        ((6, 6), "recipe-1", None),
        ((9, 12, 12), "recipe-1", "recipe-2"),
        ((5, 12, 12), "recipe-2", "recipe-2"),
        ((12, 12), "recipe-1", "recipe-1"),
    ],
)
@pytest.mark.parametrize("what_if", [None, what_if_price(None, "36")])
def test_nothing_is_called_the_first_on_too_few_runs(
    runs: tuple[int, ...], fastest: str | None, cheapest: str | None, what_if: WhatIf | None
) -> None:
    times, costs, _ = answer(build_report(rivals(*runs), what_if=what_if))
    assert re.findall(r"^Fastest to 94 % was (recipe-\d) ", times) == ([fastest] if fastest else [])
    named = re.findall(r"heapest per success (?:was|would be) (recipe-\d) ", costs)
    assert named == ([cheapest] if cheapest else []) * (2 if what_if else 1)


@pytest.mark.parametrize(("runs", "said"), [((1,), "1 run"), ((2, 12), "12 runs"), ((12, 12), "12 runs")])
def test_a_cost_in_the_answer_has_its_number_of_runs(runs: tuple[int, ...], said: str) -> None:
    _, costs, _ = answer(build_report(rivals(*runs)))
    assert f"(on-demand, {said})" in costs


def test_where_all_is_published_the_answer_is_about_published_runs_on_one_clock() -> None:
    other_clock = published("other", 1.0, clock="mlperf", counts=("prepare", "train", "evaluate"))
    report = build_report([published("slow", 20.0), published("fast", 10.0), other_clock])
    fastest, _, sure = answer(report)
    assert "fast on GPU-X" in fastest
    assert "9 of 10 runs" in fastest
    assert "slow on GPU-X" in sure
    assert "30 runs" in sure
    table = page.table_of(page.parse(as_html(report)), "costs")
    assert [words.split()[0] for words, *_ in table.rows()] == ["fast", "other", "slow"]


def test_authors_who_counted_other_phases_are_on_other_clocks() -> None:
    """`train` alone takes less than `prepare` and `train`: that is not what is fastest."""
    less = published("less", 1.0, counts=("train",))
    fastest, _, sure = answer(build_report([published("slow", 20.0), published("fast", 10.0), less]))
    assert "fast on GPU-X" in fastest
    assert "slow on GPU-X" in sure
    assert "10 runs to accuracy ≥ 0.94 on another clock, which counts train" in sure


@pytest.mark.slow
def test_the_page_of_the_own_results_with_all_entries_is_small_and_soon_made() -> None:
    with cProfile.Profile() as profile:
        report, errors = read_report([open_store(Path(__file__).parents[3] / "results")], "airbench", "all", plots=True)
        written = as_html(report)
    # 2.7 million take 1.25 s on an idle AMD EPYC. Seconds differ by the machine and by what else it does; calls do not.
    assert pstats.Stats(profile).total_calls < 3_500_000  # type: ignore[attr-defined]  # typeshed lacks it
    assert errors == []
    assert len(written.encode()) < 400_000
    assert len(page.cost_table_of(page.parse(written)).rows()) == len(report.rows) > 31
