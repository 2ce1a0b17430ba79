"""The table of leases: like ones together, sums that say of how many, the same in every format."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings, strategies as st

from analysis.reconcile.formats import FORMATS as FORMS
from analysis.report.html import as_html
from analysis.report.render import FORMATS, render
from analysis.report.report import Report, build_report
from analysis.report.tables import LEASE_FOOTNOTES, lease_table as shown_table
from analysis.tables.lease_table import LeaseRow
from bench.record.documents import Accelerators, AnyDocument, BillSource, LeaseOpened, Price, RecipeRef
from bench.text import NOT_APPLICABLE, escape_markdown, significant
from tests.support import lease_store as ls, page, small_store as a

EXPECTED = Path(__file__).parent / "expected"
TITLE = "Leases: what was paid for"


def report(*documents: AnyDocument) -> Report:
    return build_report(documents or ls.a_store(), which="none")


def cells(*documents: AnyDocument) -> list[list[str]]:
    """The last row of the table, each cell's lines."""
    return shown_table(report(*documents)).rows()[-1]


def noted(row: LeaseRow, *facts: str) -> bool:
    """Whether one of the row's notes holds all of these."""
    return any(all(fact in note for fact in facts) for note in row.notes)


def rows(*documents: AnyDocument) -> tuple[LeaseRow, ...]:
    return report(*documents).paid


@pytest.mark.parametrize(("form", "suffix"), [("table", "txt"), ("markdown", "md")])
def test_the_whole_output(form: str, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With UPDATE_EXPECTED=1 in the environment the expected files are written anew: read the difference."""
    monkeypatch.setattr("bench.__version__", "0.1.0")
    path = EXPECTED / f"leases.{suffix}"
    found = render(report(), form, terminal=False)
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_on_demand_and_spot_have_a_row_each_and_an_own_machine_without_a_price_has_none() -> None:
    assert [(row.provider, row.pricing_category, row.leases) for row in rows()] == [
        ("aws", "Standard", 2),
        ("aws", "Dynamic", 2),
        ("lambda", "Standard", 1),
    ]


def test_every_lease_is_paid_for_whether_a_run_hit_in_it_or_not() -> None:
    on_demand, spot, _ = rows()
    assert on_demand.estimate == Decimal("0.51") + Decimal("0.255")
    assert on_demand.cost_per_success == (Decimal("0.255") + Decimal("0.52")) / 3  # one of them as billed
    assert (spot.charged_s, spot.time_s, spot.preempted) == (4000, 6030, 1)
    assert spot.cost_per_success == Decimal("0.51")


@pytest.mark.parametrize("source", get_args(BillSource))
def test_a_bill_names_the_format_that_it_came_in(source: BillSource) -> None:
    (row,) = rows(ls.opened(1), ls.closed(1, 630), ls.bill(1, "0.50", source=source))
    assert noted(row, f"billed: 1 lease by {FORMS[source].title}")


@pytest.mark.parametrize(
    ("seconds", "lower", "shown"), [(100, "0.085", ["0.255", "(or 0.0850, contested)"]), (400, "0.34", ["0.340"])]
)
def test_a_contested_minimum_is_a_range(seconds: int, lower: str, shown: list[str]) -> None:
    documents = (ls.opened(1, provider="azure"), ls.closed(1, seconds))
    (row,) = rows(*documents)
    assert row.estimate_lower == Decimal(lower)
    assert shown in cells(*documents)


def test_a_lost_machine_is_counted_and_marked() -> None:
    (row,) = rows(ls.opened(1), ls.closed(1, 630, reason="lost"), *ls.runs(1, hits=1))
    assert (row.lost, row.preempted, row.estimate) == (1, 0, Decimal("0.51"))
    assert "1 lost" in str(cells(ls.opened(1), ls.closed(1, 630, reason="lost")))
    assert noted(row, "last sign of life")


def test_estimate_and_bill_stay_apart_and_only_a_whole_bill_is_compared() -> None:
    row = rows()[0]
    assert (row.billed, row.billed_leases, row.billed_partial) == (Decimal("0.62"), 2, 1)
    assert (row.difference, row.compared) == (Decimal("0.01"), 1)


def test_an_open_lease_makes_the_cost_of_a_success_unknown_and_never_0() -> None:
    documents: list[AnyDocument] = [ls.opened(1), ls.closed(1, 630), *ls.runs(1, hits=2), ls.opened(2)]
    (row,) = rows(*documents)
    assert (row.open, row.estimate, row.estimated, row.cost_per_success) == (1, Decimal("0.51"), 1, None)
    assert cells(*documents)[-1] == ["unknown"]
    assert noted(row, "unknown", "1 lease", "not closed")


def test_without_a_hit_there_is_no_cost_of_one() -> None:
    assert cells(ls.opened(1), ls.closed(1, 630), *ls.runs(1, hits=0, misses=2))[-1] == [NOT_APPLICABLE]


def test_a_provider_whose_rule_nobody_knows_has_an_unknown_cost() -> None:
    row = rows(ls.opened(1, provider="baidu"), ls.closed(1, 630), *ls.runs(1, hits=1))[0]
    assert (row.estimate, row.charged_s, row.time_s) == (None, None, 630)
    assert noted(row, "unknown", "1 lease", "baidu (Standard)")


def test_leases_without_a_price_are_apart_and_say_so() -> None:
    documents = ls.opened(1), ls.opened(2, None)
    known, unknown = rows(*documents)
    assert (known.currency, unknown.currency) == ("USD", None)
    assert cells(*documents)[1] == ["price unknown"]
    assert noted(unknown, "price: unknown", "--instance", "--price-per-hour")


def test_a_machine_of_ones_own_is_there_with_a_price_and_all_of_it_is_priced() -> None:
    own = ls.opened(1, "0.36", provider="own", instance_type=None, accelerators=None)
    machine, *_, per_success = cells(own, ls.closed(1, 100), *ls.runs(1, hits=1))
    assert machine[0].startswith("own (1")
    assert per_success == ["0.0100"]


@pytest.mark.parametrize(
    "other",
    [
        {"instance_type": "p3.8xlarge"},
        {"currency": "EUR"},
        {"pricing_category": "Committed"},
        {"accelerators": Accelerators(name="V100", count=4)},
        {"provider": "gcp"},
    ],
)
def test_what_is_not_like_shares_no_row(other: dict[str, Any]) -> None:
    assert [row.leases for row in rows(ls.opened(1), ls.opened(2, **other))] == [1, 1]


def test_two_prices_of_one_machine_share_a_row_that_names_both() -> None:
    (row,) = rows(ls.opened(1), ls.opened(2, "3.82", region="eu-west-1"))
    assert [note for note in row.notes if note.startswith("price: ")] == [
        "price: 3.06 USD per hour, Standard (on-demand); price list, seen 2026-11-01",
        "price: 3.82 USD per hour, Standard (on-demand); price list, seen 2026-11-01",
    ]


def test_hits_of_several_recipes_are_said_to_be() -> None:
    other = RecipeRef(name="other", source_sha256="0" * 64)
    mine: dict[str, Any] = {"lease_id": a.an_id(1)}
    (row,) = rows(ls.opened(1), a.a_run(10, **mine), a.a_run(11, recipe=other, **mine), a.a_run(12, recipe=other))
    assert row.hits == 2
    assert noted(row, "2: myrtle (cifar10, 94 %), other (cifar10, 94 %)")


def test_a_bill_in_another_currency_is_not_added() -> None:
    bills = ls.bill(1, "0.4", currency="EUR"), ls.bill(2, "0.5"), ls.bill(3, "1", currency="EUR"), ls.bill(3, "2")
    (row,) = rows(*(ls.opened(n) for n in (1, 2, 3)), *(ls.closed(n, 630) for n in (1, 2, 3)), *bills)
    assert (row.billed, row.billed_leases) == (Decimal("0.5"), 1)
    assert noted(row, "1 lease billed in EUR:")
    assert noted(row, "1 lease billed in EUR, USD:")


def test_another_currency_is_named_in_every_cell_of_money() -> None:
    euros = {"currency": "EUR"}
    row = cells(ls.opened(1, **euros), ls.closed(1, 630), ls.bill(1, "0.5", **euros), *ls.runs(1, hits=1))
    assert [row[place][0] for place in (5, 6, 7, 10)] == ["0.510 EUR", "0.500 EUR", "-0.0100 EUR", "0.500 EUR"]


def markdown_rows(of: Report) -> list[list[str]]:
    table = render(of, "markdown").partition(f"**{TITLE}**")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.replace("\\", "").strip("|").split(" | ")] for line in lines]


def test_markdown_and_html_and_the_table_say_the_numbers_of_json() -> None:
    of = report()
    in_markdown, in_json = markdown_rows(of), json.loads(render(of, "json"))["leases"]
    in_html = page.table_of(page.parse(as_html(of)), "leases")
    unmarked = [[re.sub(r" \(\d+(, \d+)*\)", "", machine), *cells] for machine, *cells in in_markdown]
    assert [[page.words(c) for c in row.elements()] for row in in_html.all("tbody")[0].all("tr")] == unmarked
    table = render(of, "table", terminal=False)
    for row, cells in zip(in_json["rows"], in_markdown, strict=True):
        for name, place in (("time_s", 3), ("charged_s", 4), ("estimate", 5), ("billed", 6), ("cost_per_success", 10)):
            wanted = ("unknown", NOT_APPLICABLE) if row[name] is None else (significant(row[name]),)
            assert cells[place].split(" ")[0] in wanted
        assert cells[8:10] == [str(row["runs"]), str(row["hits"])]
        assert all(word in table for cell in cells for word in cell.split())
        assert all(note in table for note in row["notes"])


def test_the_notes_are_in_every_format_to_read() -> None:
    of = report()
    said = [item.text for item in page.parse(as_html(of)).all("li")]
    assert {*shown_table(of).numbered(), *LEASE_FOOTNOTES} <= set(said)
    assert all(
        f"{n}. {escape_markdown(note, links=True)}" in render(of, "markdown")
        for note, n in shown_table(of).numbered().items()
    )


def test_the_flat_formats_hold_the_cost_table_alone() -> None:
    assert TITLE not in render(report(), "csv")


@pytest.mark.parametrize("documents", [[], [a.a_lease(1, None, provider="own", instance_type=None), a.a_run(10)]])
def test_where_nobody_pays_there_is_no_such_table(documents: list[AnyDocument]) -> None:
    of = build_report(documents)
    assert of.paid == ()
    assert not any(TITLE in render(of, form, terminal=False) for form in ("table", "markdown"))
    assert json.loads(render(of, "json"))["leases"]["rows"] == []
    assert "leases-table" not in as_html(of)


money = st.decimals(0, 50, places=4)


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(60, 50_000), money, st.integers(0, 3), st.none() | money), min_size=1, max_size=6))
@settings(max_examples=20)  # each makes a report
def test_a_row_is_the_sum_of_its_leases_and_only_of_what_is_known(
    leases: list[tuple[float, Decimal, int, Decimal | None]],
) -> None:
    documents: list[AnyDocument] = []
    for number, (seconds, amount, hits, billed) in enumerate(leases, 1):
        documents += [an_opened(number, amount), ls.closed(number, round(seconds)), *ls.runs(number, hits)]
        documents += [] if billed is None else [ls.bill(number, str(billed))]
    (row,) = rows(*documents)
    costs = [max(round(seconds) - 30, 60) * amount / 3600 for seconds, amount, _, _ in leases]
    assert float(row.estimate or 0) == pytest.approx(float(sum(costs)), abs=1e-9)
    # The bills of leases longer than the hour billed are partial, and so neither compared nor counted.
    whole = [n for n, (seconds, *_, billed) in enumerate(leases) if billed is not None and round(seconds) <= 3600]
    hits = sum(found for _, _, found, _ in leases)
    assert row.hits == hits
    assert (row.cost_per_success is None) == (hits == 0)
    if row.cost_per_success is not None:
        paid = [leases[n][3] if n in whole else cost for n, cost in enumerate(costs)]
        assert float(row.cost_per_success * hits) == pytest.approx(float(sum(filter(None, paid))), abs=1e-9)
    bills = [billed for *_, billed in leases if billed is not None]
    assert row.billed == (sum(bills) if bills else None)
    assert (row.compared, row.billed_partial) == (len(whole), len(bills) - len(whole))
    if whole:
        wanted = sum(float(leases[n][3] or 0) - float(costs[n]) for n in whole)
        assert float(row.difference or 0) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("form", FORMATS)
def test_a_store_with_a_lease_and_no_run_is_reported(form: str) -> None:
    assert render(build_report([ls.opened(1)], which="none"), form)


def an_opened(number: int, amount: Decimal) -> LeaseOpened:
    price = Price(amount=amount, currency="USD", source="a list", seen=a.NOON.date())
    return ls.opened(number).model_copy(update={"price": price})
