"""What the workers of `make test` and `make test-cloud` are forked from, and how they share the tests."""

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


# What a worker has loaded when it collects, its process and the one it is forked from; the second test ends a worker.
LOADED = """
import os, sys, pytest
from pathlib import Path
loaded = "scipy.stats" in sys.modules and "bench.cli" in sys.modules
@pytest.mark.parametrize("n", range(4))
def test(n):
    if n == 1:
        os._exit(3)
    server = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]
    with open(__file__ + ".seen", "a") as said:
        print(loaded, os.environ["OMP_NUM_THREADS"], os.getpid(), server, file=said)
"""


def run(folder: Path, hook: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the tests below `folder` on two workers, by this `hook` of our own."""
    (folder / "conftest.py").write_text(f"from tests.conftest import {hook}\n")
    words = ("-c", "/dev/null", "--rootdir", str(folder), "--import-mode=importlib", "--numprocesses", "2", *words)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_the_tests_of_a_file_are_on_one_worker_and_those_of_some_folders(tmp_path: Path) -> None:
    found = re.search(r"^WORKERS := --numprocesses auto (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    for file in (tmp_path / name for names in TOGETHER for name in names):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TESTS)
    done = run(tmp_path, "pytest_xdist_make_scheduler", *found[1].split())
    assert done.returncode == 0, done.stdout + done.stderr
    for names in TOGETHER:
        workers = [worker for name in names for worker in (tmp_path / f"{name}.seen").read_text().split()]
        assert (len(workers), len(set(workers))) == (4 * len(names), 1), names


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are started")
def test_workers_are_forked_from_one_process_that_ends_and_one_that_dies_has_a_successor(tmp_path: Path) -> None:
    file = tmp_path / "tests/test_a.py"
    file.parent.mkdir()
    file.write_text(LOADED)
    done = run(tmp_path, "pytest_xdist_setupnodes")
    assert done.returncode == 1, done.stdout + done.stderr
    seen = [line.split() for line in Path(f"{file}.seen").read_text().splitlines()]
    assert [(loaded, threads) for loaded, threads, *_ in seen] == [("True", "1")] * 3
    (server,) = {server for *_, server in seen}
    assert len({worker for *_, worker, _ in seen}) >= 2
    assert not Path(f"/proc/{server}").exists()
