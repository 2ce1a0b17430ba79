"""How the tests of training compute, and batches that pass for CIFAR-10."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.training import data


@pytest.fixture(autouse=True, scope="session")
def on_one_thread() -> Iterator[None]:
    """See one_thread."""
    from tests.support.learning import one_thread  # here, since it needs torch

    with one_thread():
        yield


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Six small generated batches that pass for the official ones."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(data, "FILE_BYTES", 20 * data.RECORD_BYTES)
    files = {}
    for name in data.FILE_MD5:
        records = rng.integers(0, 256, (20, data.RECORD_BYTES), np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    monkeypatch.setattr(data, "FILE_MD5", {n: hashlib.md5(c).hexdigest() for n, c in files.items()})
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.delenv("CIFAR10_URL", raising=False)
    return files


@pytest.fixture
def folder(tmp_path: Path, official: dict[str, bytes]) -> Path:
    target = tmp_path / "given" / data.FOLDER
    target.mkdir(parents=True)
    for name, content in official.items():
        (target / name).write_bytes(content)
    return target
