"""The tests of a cluster reach one worker of pytest-xdist, and those of a file too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import os, pytest
@pytest.mark.parametrize("number", range(4))
def test_one(number):
    with open(os.environ["SEEN"], "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


@pytest.mark.slow
def test_the_tests_of_a_cluster_run_on_one_worker(tmp_path: Path) -> None:
    """Eight in two files of one folder."""
    cluster = tmp_path / "skypilot" / "cluster"
    cluster.mkdir(parents=True)
    (cluster.parent / "conftest.py").write_text("from tests.skypilot.conftest import pytest_xdist_make_scheduler\n")
    for name in ("test_a.py", "test_b.py"):
        (cluster / name).write_text(TESTS)
    words = ("--numprocesses", "2", "--dist", "loadfile", "--import-mode=importlib", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-c", "/dev/null", "--rootdir", tmp_path, "skypilot"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SEEN": str(tmp_path / "seen")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    workers = (tmp_path / "seen").read_text().split()
    assert len(workers) == 8
    assert len(set(workers)) == 1
