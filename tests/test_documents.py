"""README and docs/: every figure comes from the records in this repository, every link leads somewhere.

Set UPDATE_EXPECTED=1 to write the tables anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from csv import DictReader
from functools import cache
from pathlib import Path

import pytest

from analysis.report.render import render
from analysis.report.report import build_report
from analysis.stats.intervals import Interval
from analysis.tables.given_prices import WhatIf, what_if_price
from bench.recipes import RECIPES, Recipe
from bench.record.documents import AnyDocument
from bench.store import open_store, read_all
from bench.text import percent, significant
from tests.support.between import assert_between

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "docs", ROOT / "docs" / "log", ROOT / "sky", ROOT / "benchmarks", ROOT / "results")
DOCUMENTS = [path for folder in FOLDERS for path in sorted(folder.glob("*.md"))]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\]\(([^)#:\s]*)#([^)\s]+)\)")


@cache
def committed() -> list[AnyDocument]:
    """The committed records."""
    documents, errors = read_all(open_store(ROOT / "results"))
    assert not errors
    return documents


def test_the_table_of_measurements_is_the_report_of_the_committed_records() -> None:
    what_if = what_if_price(amount="0.10")
    table = render(build_report(committed(), what_if=what_if), "markdown", terminal=False)
    assert_between(
        ROOT / "docs" / "measurements.md", "<!-- report of results/ -->\n", "<!-- end of report -->\n", table
    )


@pytest.mark.parametrize(
    ("place", "machine", "price"),
    [
        ("the H100", "NVIDIA H100 80GB HBM3", what_if_price("aws:p5.4xlarge")),
        ("two cores", "2 x AMD EPYC", what_if_price(amount="0.10")),
    ],
)
def test_the_readme_has_the_runs_on(place: str, machine: str, price: WhatIf | None) -> None:
    lines = [
        "| recipe | runs | hits | P(hit), % | mean accuracy, % | median time, s | USD per success |",
        "| :- | -: | -: | -: | -: | -: | -: |",
    ]
    for row in build_report(committed(), what_if=price).rows:
        if row.machine == machine and row.recipe != "quick":
            assert row.what_if_cost_per_success is not None
            cells = (
                f"`{row.recipe}`" if row.precision == "float16" else f"`{row.recipe}`, {row.precision}",
                row.runs,
                row.hits,
                _within(row.p_hit, row.p_hit_interval, percent),
                _within(row.accuracy, row.accuracy_interval, lambda share: f"{100 * share:.2f}"),
                _within(row.time_s, row.time_s_interval, significant),
                _within(float(row.what_if_cost_per_success), row.what_if_cost_per_success_interval, significant),
            )
            lines.append(f"| {' | '.join(map(str, cells))} |")
    begin, end = (f"<!-- {words} -->\n" for words in (f"runs on {place}", f"end of runs on {place}"))
    assert_between(ROOT / "README.md", begin, end, "\n".join([*lines, ""]))


def test_the_page_on_gpus_has_what_a_step_may_ask() -> None:
    budgets = list(DictReader((ROOT / "tests" / "fake_gpu" / "budgets.csv").open(encoding="utf-8")))
    eager = {row["recipe"]: row["launches"] for row in budgets if row["path"] == "eager"}
    lines = [
        "| recipe | eager: launches | captured: graphs | operations in it | longest chain | launches beside it |",
        "| :- | -: | -: | -: | -: | -: |",
    ]
    for row in budgets:
        if row["path"] == "captured":
            name, counted = row["recipe"], (row[what] for what in ("graphs", "nodes", "chain", "launches"))
            lines.append(f"| {' | '.join([f'`{name}`', eager[name], *counted])} |")
    assert_between(ROOT / "docs" / "gpu.md", "<!-- budgets -->\n", "<!-- end of budgets -->\n", "\n".join([*lines, ""]))


def _within(value: float | None, interval: Interval | None, show: Callable[[float], str]) -> str:
    within = f" [{show(interval.low)}, {show(interval.high)}]" if interval else ""
    return "unknown" if value is None else f"{show(value)}{within}"


def test_the_readme_is_short() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()
    assert sum(any(map(str.isalnum, word)) for word in words) <= 900  # the lines of a table are no words


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_anchor_is_a_heading(document: Path) -> None:
    links = ANCHOR.findall(document.read_text(encoding="utf-8"))
    dead = [
        f"{file}#{anchor}" for file, anchor in links if anchor not in anchors(document.parent / (file or document.name))
    ]
    assert dead == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_is_documented(recipe: Recipe) -> None:
    assert f"`{recipe.name}`" in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def test_every_document_is_in_the_index() -> None:
    listed = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("**/*.md")}
    assert there - {"index.md"} <= listed
