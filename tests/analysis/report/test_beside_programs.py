"""Which published entries stand beside programs of one's own."""

from __future__ import annotations

import pytest

from analysis.published.dawnbench.entries import Which
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
def test_beside_programs_alone_stand_no_entries_that_nobody_asked_for(
    documents: list[Run], which: Which, published: int
) -> None:
    rows = build_report(documents, which=which).rows
    assert [row.kind for row in rows].count("published") == published
