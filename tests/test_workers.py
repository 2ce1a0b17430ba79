"""How `make test` and `make test-cloud` share the tests among workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import os, pytest
@pytest.mark.parametrize("n", range(4))
def test(n):
    with open(__file__ + ".seen", "a") as said:
        print(os.environ["PYTEST_XDIST_WORKER"], file=said)
"""
TOGETHER = (
    ["tests/store/test_a.py"],
    ["tests/store/test_b.py"],
    ["tests/fake_gpu/test_a.py", "tests/fake_gpu/test_b.py"],
    ["tests/skypilot/cluster/test_a.py", "tests/skypilot/cluster/test_b.py"],
)


@pytest.mark.slow
def test_the_tests_of_a_file_are_on_one_worker_and_those_of_some_folders(tmp_path: Path) -> None:
    found = re.search(r"^WORKERS := --numprocesses auto (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    for file in (tmp_path / name for names in TOGETHER for name in names):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TESTS)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_xdist_make_scheduler\n")
    words = ["-c", "/dev/null", "--rootdir", str(tmp_path), "--import-mode=importlib", "--numprocesses", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *found[1].split(), "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for names in TOGETHER:
        workers = [worker for name in names for worker in (tmp_path / f"{name}.seen").read_text().split()]
        assert (len(workers), len(set(workers))) == (4 * len(names), 1), names
