"""How the tests of training compute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def on_one_thread() -> Iterator[None]:
    """See one_thread."""
    from tests.support.learning import one_thread  # here, since it needs torch

    with one_thread():
        yield
