"""A folder store that nobody has written to."""

from __future__ import annotations

import pytest

from bench.store import open_store


@pytest.fixture
def root(tmp_path):
    return tmp_path / "results" / "local"


@pytest.fixture
def store(root):
    return open_store(root)
