"""The HTML report without a browser: self-contained, escaped, accessible, the same numbers as elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from analysis.report.html import as_html
from analysis.report.render import render
from analysis.report.report import Report, build_report
from analysis.report.tables import cost_table
from analysis.tables.given_prices import WhatIf, what_if_price
from bench.cli import cli
from bench.record.documents import POLICIES, Device, Policy, RecipeRef, Run
from bench.store import FolderStore
from bench.text import one_line
from tests.support import builders, page, small_store as a
from tests.support.program_runs import make_program_run


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(a.a_small_store())


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return as_html(report)


@pytest.fixture(scope="module")
def tree(html: str) -> page.Element:
    return page.parse(html)


def test_nothing_in_the_page_points_out_of_it(tree: page.Element) -> None:
    for element in tree.every():
        for name, value in element.attributes.items():
            assert name != "src"
            assert not name.startswith("on")
            assert "://" not in (value or ""), (element.tag, name, value)
            if name in ("href", "xlink:href"):
                assert (value or "").startswith(("#", "data:,"))
            assert not re.search(r"url\((?!#)", value or "")
    (style,) = tree.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_the_policy_allows_the_one_script_and_no_request(tree: page.Element) -> None:
    (policy,) = (m.attributes["content"] or "" for m in tree.all("meta") if "http-equiv" in m.attributes)
    (script,) = tree.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy


@pytest.mark.slow
@pytest.mark.parametrize("what_if", [None, what_if_price("aws:p5.4xlarge")])
def test_the_whole_table_says_the_words_of_the_other_formats(what_if: WhatIf | None) -> None:
    report = build_report(a.a_small_store(), which="all", what_if=what_if)
    tree = page.parse(as_html(report))
    table = replace(cost_table(report), notes=lambda row: ())
    said = [[page.words(cell) for cell in row.elements()] for row in page.cost_table_of(tree).all("tbody")[0].all("tr")]
    assert said == [[" ".join(lines) for lines in cells] for cells in table.rows()]


def test_the_table_is_sorted_by_the_numbers_of_json(report: Report, tree: page.Element) -> None:
    names = [
        "recipe",
        "machine",
        "target",
        "price_per_hour",
        "runs",
        "hits",
        "p_hit",
        "accuracy",
        "time_s",
        "train_cost",
        "cost_per_success",
        "time_ratio",
        "cost_ratio",
    ]
    rows = page.cost_table_of(tree).all("tbody")[0].all("tr")
    for row, in_json in zip(rows, json.loads(render(report, "json"))["rows"], strict=True):
        values = [cell.attributes["data-value"] or "" for cell in row.elements()]
        for name, value in zip(names, values, strict=True):
            assert value == ("" if in_json[name] is None else str(in_json[name])) or float(value) == in_json[name]


def test_every_claim_is_there_with_its_verdict_and_its_notes(report: Report, tree: page.Element) -> None:
    table = page.table_of(tree, "claims")
    assert [row[-1] for row in table.rows()] == [check.verdict for check in report.checks]
    assert [page.words(cell) for cell in table.all("tbody")[0].all("tr")[0].elements()][:5] == [
        "2.5x faster than the previous winner [page-time] published entries",
        "74.04 s David Page",
        "173.96 s fast.ai + students",
        "2.5",
        "2.35",
    ]
    said = [item.text for item in tree.all("li")]
    assert {note for check in report.checks for note in check.notes} <= set(said)
    assert {f"claimed by: {check.claim.source}" for check in report.checks} <= set(said)
    assert any("counts validation, A's does not" in item for item in said)


def test_a_claim_is_checked_on_our_own_runs_too() -> None:
    other = RecipeRef(name="fastai-wrn", source_sha256="0" * 64)
    runs = [*a.a_series(10, a.SPREAD), *a.a_series(100, [3 * seconds for seconds in a.SPREAD], recipe=other)]
    rows = page.table_of(page.parse(as_html(build_report(runs))), "claims").rows()
    assert any("runs on Tesla V100" in row[0] and row[-1] == "supported" for row in rows)


def test_headers_are_buttons_and_say_how_they_are_sorted(tree: page.Element) -> None:
    headers = page.cost_table_of(tree).all("thead")[0].all("th")
    assert len(headers) == 13
    assert all(th.attributes["aria-sort"] == "none" and th.attributes["scope"] == "col" for th in headers)
    assert all(len(th.all("button")) == 1 for th in headers)


def test_every_note_and_every_published_entry_is_there(report: Report, tree: page.Element) -> None:
    said = {item.attributes.get("id"): item.text for item in tree.all("li")}
    numbers = cost_table(report).numbered()
    assert {said[f"row-note-{number}"]: number for number in numbers.values()} == numbers
    assert [said[f"table-note-{place}"] for place, _ in enumerate(report.footnotes, start=1)] == list(report.footnotes)
    rows = page.cost_table_of(tree).all("tbody")[0].all("tr")
    assert [row.attributes["class"] for row in rows] == [row.kind for row in report.rows]
    assert all(
        ("(published)" in tr.text) == (row.kind == "published") for tr, row in zip(rows, report.rows, strict=True)
    )


def test_four_figures_with_text_for_those_who_do_not_see_them_and_their_numbers(tree: page.Element) -> None:
    found = tree.all("figure")
    assert [figure.attributes["id"] for figure in found] == ["cost", "accuracy", "hits", "phases"]
    for figure in found:
        (title,) = figure.all("h2") or figure.all("h3")
        drawings = figure.all("svg")
        assert [svg.attributes["class"] for svg in drawings] == (["wide", "narrow"] if figure is found[0] else ["any"])
        for svg in drawings:
            (description,) = svg.all("desc")
            assert svg.attributes["role"] == "group"
            assert svg.attributes["aria-label"] == title.text
            assert svg.attributes["aria-describedby"] == description.attributes["id"]
            assert len(description.text) > 60
            told = [element for element in svg.every() if element.attributes.get("class") == "has-tip"]
            assert told
            assert all(element.attributes["aria-label"] for element in told)
        (details,) = figure.all("details")
        (table,) = details.all("table")
        assert len(table.rows()) >= 3


def test_ids_are_unique_and_references_lead_somewhere(html: str, tree: page.Element) -> None:
    ids = [element.attributes["id"] for element in tree.every() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', html)) <= set(ids)
    for name in ("aria-describedby", "aria-labelledby", "data-of"):
        meant = [e.attributes[name] or "" for e in tree.every() if name in e.attributes]
        assert meant
        assert {each for names in meant for each in names.split()} <= set(ids)


def test_the_method_names_every_clock_price_and_machine(tree: page.Element) -> None:
    text = tree.text
    assert all(name in text for name in POLICIES)
    for said in ("airbench (this report)", "price list", "2026-11-01", "no memory", "excluded", "3.11.7", "Xeon"):
        assert said in text


def test_what_has_no_place_among_times_and_dollars_is_said(tree: page.Element) -> None:
    (caption,) = tree.all("figure")[0].all("figcaption")
    assert "Left out, no run reached the target: myrtle, 2 x Xeon." in caption.text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        pytest.param('"><img src=x onerror=alert(1)>', marks=pytest.mark.slow),
        pytest.param("$x^2$ $\\frac{1}{0}$", marks=pytest.mark.slow),
        "{{ 7 * 7 }}{% raw %}",
        pytest.param("\x1b[31mred\x1b[0m\x00\x9b", marks=pytest.mark.slow),
        pytest.param("\u202egnp.exe\u2028b", marks=pytest.mark.slow),
        pytest.param("</style></svg></title><!-- ]]>", marks=pytest.mark.slow),
        "&lt;b&gt; 速い",  # no letters of the fonts that come with matplotlib
    ],
)
def test_text_of_records_stays_text(text: str) -> None:
    device = Device(kind="cpu", name=text, precision=text, path="eager")
    about: dict[str, Any] = {"recipe": RecipeRef(name=text, source_sha256=""), "device": device, "lease_id": a.an_id(1)}
    lease = a.a_lease(1, source=text, provider=text)
    written = as_html(build_report([lease, a.a_run(10, **about), a.a_broken_run(11, message=text, **about)]))
    unseen = {c for c in written if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert unseen <= {"\n"}
    tree = page.parse(written)
    assert len(tree.all("script")) == len(tree.all("style")) == 1
    assert not tree.all("img")
    assert {b.text for b in tree.all("b")} <= {"supported", "not supported", "inconclusive"}
    assert page.cost_table_of(tree).rows()[0][0].startswith(one_line(text))
    assert one_line(text) in [cell.text for cell in tree.all("td")]
    # Names are drawn as text of the drawing.
    assert any(drawn.text.strip().startswith(one_line(text)[:20]) for drawn in tree.all("text"))


def test_an_empty_store_has_a_page_that_says_how_to_make_a_run() -> None:
    tree = page.parse(as_html(build_report([])))
    assert "bench run RECIPE" in tree.text
    assert len(page.cost_table_of(tree).rows()) == 4
    assert [len(figure.all("svg")) for figure in tree.all("figure")] == [2, 0, 0, 0]
    assert tree.text.count("Nothing to draw yet.") == 3


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_every_clock_has_a_page(policy: Policy) -> None:
    runs = [builders.make_run(id=a.an_id(n), cold=n == 1) for n in range(1, 4)]
    tree = page.parse(as_html(build_report([*runs, a.a_broken_run(9)], policy=policy)))
    assert f"{policy} (this report)" in tree.text


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    for document in (a.a_lease(1), a.a_run(10, lease_id=a.an_id(1))):
        store.put(document)
    out = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", "--store", str(tmp_path / "store"), "--format", "html", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output == ""
    assert len(page.cost_table_of(page.parse(out.read_text(encoding="utf-8"))).rows()) == 5


@pytest.mark.slow
def test_the_same_records_make_the_same_bytes_in_another_process(html: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from tests.support import small_store\n"
        "from analysis.report.report import build_report; from analysis.report.render import render\n"
        "open(sys.argv[1], 'w', encoding='utf-8').write(render(build_report(small_store.a_small_store()), 'html'))"
    )
    out = tmp_path / "again.html"
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\n")  # a user's own settings change nothing
    subprocess.run(
        [sys.executable, "-c", code, str(out), str(Path(__file__).parents[3])],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "MATPLOTLIBRC": str(settings)},
    )
    assert out.read_text(encoding="utf-8") == html


@pytest.mark.slow
def test_ten_thousand_runs_make_a_small_page() -> None:
    seconds = [60 + (7 * k % 100) / 10 for k in range(5000)]
    other = RecipeRef(name="other", source_sha256="0" * 64)
    written = as_html(
        build_report(
            [a.a_lease(1), *a.a_series(10, seconds, lease_id=a.an_id(1)), *a.a_series(10_000, seconds, recipe=other)]
        )
    )
    assert len(written) < 400_000
    assert "240 of 10,000 runs are drawn, evenly chosen; the numbers cover all of them." in written


@pytest.mark.slow
@given(st.lists(builders.runs(), max_size=4), st.sampled_from(POLICIES))
# A page takes a second: no shrinking, which takes hundreds.
@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_any_records_make_a_page(runs: list[Run], policy: Policy) -> None:
    page.parse(as_html(build_report(runs, policy=policy)))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"target": None, "evaluations": ()}, {"ended": "sampled"}, {"progress": None}])
def test_programs_make_a_page(changes: dict[str, Any]) -> None:
    runs = [make_program_run(seed=seed, **changes) for seed in range(7)]
    text = as_html(build_report([*runs, *a.a_small_store()], policy="cold"))
    assert "gpt2" in text
