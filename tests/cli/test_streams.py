"""Output that cannot be written: plainer characters, or one line and exit code 1; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store import open_store
from tests.support.types import MakeRun

# Each starts a program; `make test` has the same commands in its own process.
pytestmark = pytest.mark.slow

FULL = Path("/dev/full")


@pytest.fixture
def store(tmp_path: Path, make_run: MakeRun) -> Path:
    open_store(tmp_path / "store").put(make_run())
    return tmp_path / "store"


def shell(words: str, environment: dict[str, str], cwd: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    """`bench` with the redirections of a shell; what it exits with is the command's own code."""
    line = f'"{sys.executable}" -m bench {words}'
    return subprocess.run(["sh", "-c", line], env=environment | more, cwd=cwd, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [("claims", "cp1252"), ("report", "cp1252"), ("prices --offline", "cp1252"), ("report", "ascii")],
)
def test_an_encoding_that_lacks_characters_is_written_in_plainer_ones(
    environment: dict[str, str], store: Path, words: str, encoding: str
) -> None:
    result = shell(words, environment, store.parent, BENCH_STORE=str(store), PYTHONIOENCODING=encoding)
    assert (result.returncode in (0, 4), result.stderr) == (True, b"")
    assert result.stdout.splitlines()


@pytest.mark.parametrize("style", ["html", "json"])
def test_what_is_utf_8_by_its_format_stays_so(environment: dict[str, str], store: Path, style: str) -> None:
    call = f"report --format {style}"
    result = shell(call, environment, store.parent, BENCH_STORE=str(store), PYTHONIOENCODING="cp1252")
    assert result.returncode == 0, result.stderr
    text = result.stdout.decode()
    assert "�" not in text
    assert style == "html" or json.loads(text)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["report", "report --format parquet", "--help"])
def test_stdout_that_is_full_or_closed_is_one_line(
    environment: dict[str, str], store: Path, words: str, where: str
) -> None:
    result = shell(f"{words} {where}", environment, store.parent, BENCH_STORE=str(store))
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith("bench: stdout: ")


def test_a_reader_that_is_gone_is_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    call = [sys.executable, "-m", "bench", "recipes"]
    result = subprocess.run(call, env=environment, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_stderr_that_cannot_be_written_changes_nothing_else(
    environment: dict[str, str], tmp_path: Path, where: str
) -> None:
    wrong = shell(f"recipess {where}", environment, tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    right = shell(f"recipes {where}", environment, tmp_path)
    assert (right.returncode, right.stdout.count(b"\n") > 5) == (0, True)
