"""The command line as a user calls it, in an empty folder and without the caller's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Done, run_bench
from tests.support.types import Bench


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The caller's environment without what `bench` listens to, and with a cache and a state of its own.

    A machine's fingerprint takes its seconds, and says nothing while other tests run.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BENCH_", "CIFAR10_"))}
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}
    return {**kept, **own, "BENCH_FINGERPRINT": "0"}


@pytest.fixture
def bench(tmp_path: Path, environment: dict[str, str]) -> Bench:
    """`bench(*words, **variables)`: a call in this process."""

    def call(*words: str, **more: str) -> Done:
        return run_bench(*words, cwd=tmp_path, env=environment | more)

    return call


@pytest.fixture
def bench_process(tmp_path: Path, environment: dict[str, str]) -> Bench:
    """The same as a process of its own, where the start of the process is part of the fact."""

    def call(*words: str, **more: str) -> Done:
        command = [sys.executable, "-m", "bench", *words]
        process = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment | more, check=False
        )
        return Done(process.returncode, process.stdout, process.stderr)

    return call
