"""One file, without any package beside it, in the oldest Python that it is for: the record comes home as a line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.programs.archive import build
from bench.record.documents import Run
from bench.store import FolderStore, read_all
from bench.store.base import counting_collector
from bench.store.log import read_log

PYENV = Path.home() / ".pyenv" / "versions"
OLDEST = next((str(path) for path in sorted(PYENV.glob("3.9.*/bin/python3.9"))), shutil.which("python3.9"))
PYTHONS = [
    sys.executable,
    pytest.param(OLDEST, marks=pytest.mark.skipif(OLDEST is None, reason="no Python 3.9 here")),
]
OLD_PYTHONS = [str(path) for path in sorted(PYENV.glob("3.[678].*/bin/python3"))]
TRAIN = """
import json, os
for step in range(1, 4):
    print(json.dumps({"step": step, "total_steps": 3, "loss": 1 / step}), flush=True)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("archive") / "bench-exec.pyz")


def called(python: str, archive: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A call without site packages and without what the caller's variables say of Python."""
    return subprocess.run(
        [python, "-S", "-I", str(archive), *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("python", PYTHONS)
def test_the_records_come_home_by_the_log(python: str, archive: Path, tmp_path: Path) -> None:
    words = ["--target", "loss <= 0.5", "--runs", "2", "--seed", "5", "--name", "mine"]
    done = called(python, archive, tmp_path, *words, "--", python, "-c", TRAIN)
    assert done.returncode == 0, done.stderr
    store = FolderStore(str(tmp_path / "store"))
    collector = counting_collector(store)
    collector.add(read_log([done.stdout.encode()]), "the log")
    assert collector.result().new == 2
    documents, errors = read_all(store)
    runs = [document for document in documents if isinstance(document, Run)]
    assert not errors
    assert [(run.label, run.seed, run.hit, run.steps, run.series.planned) for run in runs] == [
        ("mine", 5, True, 3, 2),
        ("mine", 6, True, 3, 2),
    ]
    assert runs[0].series.id == runs[1].series.id
    assert json.dumps({"step": 3, "total_steps": 3, "loss": 1 / 3}) in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "no command"),
        (["--", "no-such-program"], 2, "no-such-program: no such program"),
        (["--target", "loss", "--", "true"], 2, "'loss' is not METRIC >= VALUE"),
        (["--metric", "loss=.*", "--", "true"], 2, "has no group"),
        (["--steps", "0", "--", "true"], 2, "--steps 0 is not 1 or more"),
        (["--seed", "-1", "--", "true"], 2, "--seed -1 is not 0 or more"),
        (["--seed", "99999999999999999999", "--", "true"], 2, "--seed 99999999999999999999 is not"),
        (["--runs", "2", "--only", "0,2", "--", "true"], 2, "--only 2 is not below --runs 2"),
        (["--grace", "nan", "--", "true"], 2, "--grace nan is not 0 or more"),
        (["--", sys.executable, "-c", "raise SystemExit(3)"], 6, "exited with 3"),
    ],
)
def test_each_mistake_has_its_line_and_its_code(
    words: list[str], code: int, said: str, archive: Path, tmp_path: Path
) -> None:
    done = called(sys.executable, archive, tmp_path, *words)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False)


def test_the_same_sources_make_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again.pyz").read_bytes() == archive.read_bytes()
    assert archive.stat().st_size < 200_000
    assert os.access(archive, os.R_OK)


@pytest.mark.parametrize("python", PYTHONS)
def test_every_module_of_it_can_be_imported(python: str, archive: Path, tmp_path: Path) -> None:
    script = (
        "import importlib, pkgutil, sys; sys.path.insert(0, sys.argv[1]); import bench.programs\n"
        "names = [found.name for found in pkgutil.walk_packages(bench.programs.__path__, 'bench.programs.')]\n"
        "assert len(names) > 20, names\n"
        "for name in names: importlib.import_module(name)"
    )
    command = [python, "-S", "-I", "-c", script, str(archive)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("python", OLD_PYTHONS or [pytest.param("", marks=pytest.mark.skip("no older Python here"))])
def test_a_python_that_is_too_old_is_told(python: str, archive: Path, tmp_path: Path) -> None:
    done = called(python, archive, tmp_path, "--", "true")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "3.9 or newer" in done.stderr
