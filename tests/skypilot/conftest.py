"""Tests against SkyPilot itself: `make test-cloud` runs them, in an environment of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.skypilot import loopback


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """One worker a cluster, where workers are asked for. `log` is xdist's."""
    from tests.skypilot.workers import ByCluster

    return ByCluster(config, log)


@pytest.fixture(scope="session")
def able() -> None:
    """Fails where this machine lacks what a rented machine on the loopback takes."""
    if lacks := loopback.lacking():
        pytest.fail(lacks, pytrace=False)
