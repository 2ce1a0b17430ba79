"""How `make test` shares the tests among workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
TESTS = """
import os, pathlib, pytest
@pytest.mark.parametrize("n", range(4))
def test(n):
    with open("FILE", "a") as said:
        print(os.environ["PYTEST_XDIST_WORKER"], file=said)
"""


@pytest.mark.slow
def test_the_tests_of_a_file_are_on_one_worker(tmp_path: Path) -> None:
    found = re.search(r"^WORKERS := --numprocesses auto (.*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert found
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text(TESTS.replace("FILE", f"{name}.txt"))
    words = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--numprocesses", "2", *found[1].split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    workers = [(tmp_path / f"{name}.txt").read_text().split() for name in "ab"]
    assert [len(of_file) for of_file in workers] == [4, 4]
    assert [len(set(of_file)) for of_file in workers] == [1, 1]
