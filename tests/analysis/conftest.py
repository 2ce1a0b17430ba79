"""Makes the builder of reports' documents importable: tests here say `import small_store`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# --import-mode=importlib puts no folder on the path.
sys.path.insert(0, str(Path(__file__).parent))

from analysis.report import Report, build_report


@pytest.fixture
def report() -> Report:
    """The report of the small store, under the default clock."""
    import small_store

    return build_report(small_store.a_small_store())
