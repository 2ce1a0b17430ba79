"""The report that most tests here look at."""

from __future__ import annotations

import pytest

from analysis.report.report import Report, build_report
from tests.support import small_store


@pytest.fixture
def report() -> Report:
    """The report of the small store, under the default clock."""
    return build_report(small_store.a_small_store())
