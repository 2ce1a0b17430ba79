"""What a report of programs of one's own, of samples, or of runs of others says, and what stands beside it."""

from __future__ import annotations

import pytest

from analysis.published.dawnbench.entries import Which
from analysis.report.answer import answer
from analysis.report.html import as_html
from analysis.report.report import build_report
from analysis.report.tables import cost_table
from bench.record.documents import AnyDocument
from tests.support import page, small_store as a
from tests.support.program_runs import make_program_run
from tests.support.published_runs import published as published_runs


@pytest.mark.parametrize(
    ("documents", "which", "published"),
    [
        ([], "stored", 4),
        ([a.a_run(10)], "stored", 4),
        ([a.a_run(10), make_program_run()], "stored", 4),
        ([make_program_run()], "stored", 0),
        ([make_program_run()], "claim", 4),
        ([make_program_run()], "all", 31),
    ],
)
def test_beside_programs_alone_stand_nothing_that_nobody_asked_for(
    documents: list[AnyDocument], which: Which, published: int
) -> None:
    report = build_report(documents, which=which)
    assert [row.kind for row in report.rows].count("published") == published
    assert bool(report.checks) == bool(published)
    assert ("claims" in as_html(report)) == bool(published)


@pytest.mark.parametrize(("which", "entries"), [("stored", 0), ("claim", 4), ("none", 0)])
def test_beside_published_runs_alone_stand_no_claims_about_other_trainings(which: Which, entries: int) -> None:
    report = build_report([published_runs("llama", 60.0)], which=which)
    assert [row.single_entry for row in report.rows].count(True) == entries
    assert bool(report.checks) == bool(entries)


def test_a_table_of_programs_has_no_columns_about_images_and_no_ratios_to_an_entry() -> None:
    headers = [" ".join(lines) for lines in cost_table(build_report([make_program_run()])).headers()]
    assert headers[:5] == ["recipe", "machine", "target", "price, USD/h", "runs"]
    assert not any("Page" in header or "accuracy" in header for header in headers)
    beside = {column.sort for column in cost_table(build_report([a.a_run(10), make_program_run()])).columns}
    assert {"accuracy", "time_ratio", "cost_ratio"} <= beside


def test_the_remedy_of_a_program_without_a_price_is_its_own_command() -> None:
    for run, command in ((make_program_run(), "bench exec"), (a.a_run(10), "bench run")):
        (note,) = (note for row in build_report([run]).rows for note in row.notes if note.startswith("price: unknown"))
        assert command in note


@pytest.mark.parametrize(("which", "rows", "runs"), [("stored", 2, 20), ("all", 2, 20), ("none", 0, 0)])
def test_published_runs_are_runs_and_their_headline_counts_them(which: Which, rows: int, runs: int) -> None:
    found = build_report([published_runs("slow", 60.0), published_runs("fast", 30.0)], which=which).headline
    assert found.startswith(f"{runs} published runs in {rows} rows, ") == bool(rows)
    assert ("No runs yet" in found) == (not rows)


def test_what_has_no_target_comes_to_its_end() -> None:
    ended = [make_program_run(target=None, evaluations=()) for _ in range(7)]
    first, *_ = answer(build_report(ended))
    assert first == (
        "gpt2 on Tesla V100 took 60.0 s [60.0, 60.0] to the end (cold clock, median of 7 runs), "
        "with 7 of 7 runs completed (100 % [64.6, 100])."
    )


def test_samples_alone_have_a_page_without_a_table_of_runs() -> None:
    tree = page.parse(as_html(build_report([make_program_run(ended="sampled")])))
    assert {table.attributes.get("id") for table in tree.all("table")} == {"samples-table", None}
    assert "Published results" not in [title.text for title in tree.all("h2")]
