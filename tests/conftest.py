"""Fixtures for all tests. Free of torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# --import-mode=importlib puts no folder on the path; tests say `from builders import make_run`.
sys.path.insert(0, str(Path(__file__).parent))

import builders

from bench.record.documents import Run


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """`make_run(**changes)`: a completed run with changes made to its fields."""
    return builders.make_run
