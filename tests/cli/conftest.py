"""A command line as a user has it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The caller's environment without what `bench` listens to, and with a cache and a state of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "CIFAR10_"))}
    return {**kept, "XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def bench(tmp_path: Path, environment: dict[str, str]) -> Bench:
    """Call `bench` in an empty folder."""

    def call(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "bench", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**environment, **more},
            check=False,
        )

    return call
