"""Tests against SkyPilot itself: `make test-cloud` runs them, in an environment of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# --import-mode=importlib puts no folder on the path; tests here say `import loopback`.
sys.path.insert(0, str(Path(__file__).parent))

import loopback


@pytest.fixture(scope="session")
def able() -> None:
    """Fails where this machine lacks what a rented machine on the loopback takes."""
    if lacks := loopback.lacking():
        pytest.fail(lacks, pytrace=False)
