"""Which published entries, and claims about them, stand beside programs of one's own."""

from __future__ import annotations

import pytest

from analysis.published.dawnbench.entries import Which
from analysis.report.html import as_html
from analysis.report.report import build_report
from bench.record.documents import Run
from tests.support import small_store as a
from tests.support.program_runs import make_program_run


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
    documents: list[Run], which: Which, published: int
) -> None:
    report = build_report(documents, which=which)
    assert [row.kind for row in report.rows].count("published") == published
    assert bool(report.checks) == bool(published)
    assert ("claims" in as_html(report)) == bool(published)
