"""A metadata server on the loopback, and a store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.lease.machine import find_machine
from bench.store import FolderStore
from tests.support.metadata_server import Pages, Serve, Server


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers, stopped after the test."""
    running: list[Server] = []

    def start(pages: Pages, **headers: str) -> Server:
        running.append(Server(pages, {name.replace("_", "-"): value for name, value in headers.items()}))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def own_firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Firmware that says nothing, whatever machine the tests run on."""
    monkeypatch.setattr("bench.lease.lease.find_machine", partial(find_machine, dmi=tmp_path))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))
