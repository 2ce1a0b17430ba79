"""README and docs/: every figure comes from the records in this repository, every link leads somewhere.

Set UPDATE_EXPECTED=1 to write the tables anew.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from analysis.report.render import render
from analysis.report.report import Report, build_report
from analysis.tables.what_if import what_if_price
from bench.cli import COMMANDS
from bench.recipes import RECIPES, Recipe
from bench.record.documents import AnyDocument
from bench.store import open_store, read_all
from tests.support.between import assert_between

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "docs", ROOT / "docs" / "log", ROOT / "sky", ROOT / "benchmarks", ROOT / "results")
DOCUMENTS = [path for folder in FOLDERS for path in sorted(folder.glob("*.md"))]
STYLE = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@cache
def report() -> Report:
    """The report of the committed records."""
    return build_report(committed())


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


def test_the_terminal_in_the_readme_shows_the_report_of_the_committed_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = STYLE.sub("", render(report(), "table", terminal=True))
    first_row = shown.split("\n\n")[1]
    price = shown.split("\n(1) ")[1].split("\n(2) ")[0]
    assert_between(
        ROOT / "README.md",
        "$ bench report --store results\n…\n\n",
        "…\n```\n",
        f"{first_row}\n…\n(1) {price}\n",
    )


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"$ bench {command}" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_is_documented(recipe: Recipe) -> None:
    assert f"`{recipe.name}`" in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def test_every_document_is_in_the_index() -> None:
    listed = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("**/*.md")}
    assert there - {"index.md"} <= listed
