"""Tests against SkyPilot itself: `make test-cloud` runs them, in an environment of their own."""

from __future__ import annotations

import pytest

from tests.skypilot import loopback


@pytest.fixture(scope="session")
def able() -> None:
    """Fails where this machine lacks what a rented machine on the loopback takes."""
    if lacks := loopback.lacking():
        pytest.fail(lacks, pytrace=False)
