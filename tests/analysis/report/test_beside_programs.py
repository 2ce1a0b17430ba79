"""Which published entries, and claims about them, stand beside programs of one's own and runs of others."""

from __future__ import annotations

import pytest

from analysis.published.dawnbench.entries import Which
from analysis.report.html import as_html
from analysis.report.report import build_report
from analysis.report.tables import cost_table
from bench.record.documents import AnyDocument
from tests.support import small_store as a
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
