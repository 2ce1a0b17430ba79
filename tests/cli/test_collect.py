"""bench collect --log: records that a saved terminal or a job's log holds."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from click.testing import Result

from bench.cli import cli
from bench.errors import BenchError
from bench.record.documents import LeaseOpened, utc_now
from bench.store import FolderStore
from bench.store.log import to_line
from tests.support.builders import make_run
from tests.support.command import runner

LEASE = LeaseOpened(provider="aws", started=utc_now())
RUNS = [make_run(seed=seed, lease_id=LEASE.id) for seed in range(2)]


def saved(*lines: str) -> str:
    """A terminal that ran `sky launch`, 100 columns wide, whose machine went in the middle of the third run."""
    text = ["├── Waiting for task resources on 1 node.", "(bench-v100, pid=2177) myrtle seed 0 [1/5]"]
    text += [f"(bench-v100, pid=2177) {line}" for line in lines]
    text += ["(bench-v100, pid=2177) myrtle seed 2 [3/5]", "sky.exceptions.ClusterNotUpError: not UP"]
    return "\r\n".join(line[at : at + 100] for line in text for at in range(0, len(line), 100))


LINES = [to_line(LEASE), *map(to_line, RUNS)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_STORE", raising=False)
    return tmp_path


def collect(*words: str, stdin: str | None = None) -> tuple[int, Result]:
    """The exit code that `bench` ends with, and what it printed."""
    result = runner().invoke(
        cli, ["collect", *words, "--store", "store"], input=BufferedReader(BytesIO((stdin or "").encode()))
    )
    code = result.exception.exit_code if isinstance(result.exception, BenchError) else result.exit_code
    return code, result


def said(new: int, known: int, damaged: int = 0) -> str:
    return f"store: {new} records came from x.txt, {known} already known, {damaged} damaged\n"


def test_a_saved_terminal_gives_the_lease_and_the_runs_that_had_ended(folder: Path) -> None:
    (folder / "x.txt").write_text(saved(*LINES), encoding="utf-8", newline="")
    code, result = collect("--log", "x.txt")
    assert (code, result.stdout) == (
        0,
        "store: 3 records came from x.txt, 0 already known, 0 damaged\n",
    )
    store = FolderStore("store")
    assert [store.read(document.key()) for document in (LEASE, *RUNS)] == [LEASE, *RUNS]
    code, result = collect("--log", "x.txt")
    assert (code, result.stdout) == (
        0,
        "store: 0 records came from x.txt, 3 already known, 0 damaged\n",
    )


def test_several_logs_and_stdin_are_read(folder: Path) -> None:
    (folder / "a.txt").write_text(saved(*LINES[:2]), encoding="utf-8")
    code, result = collect("--log", "a.txt", "--log", "-", stdin=saved(*LINES[1:]))
    assert code == 0
    assert result.stdout.startswith("store: 3 records came from a.txt and stdin")


def test_a_damaged_line_is_counted_and_named_and_the_others_come(folder: Path) -> None:
    (folder / "x.txt").write_text(saved(LINES[0], LINES[1][:-30], LINES[2]), encoding="utf-8")
    code, result = collect("--log", "x.txt")
    assert code == 5
    assert result.stdout == said(2, 0, 1)
    assert RUNS[0].key() in result.stderr
    (folder / "whole.txt").write_text(saved(*LINES), encoding="utf-8")
    assert collect("--log", "whole.txt")[0] == 0
    assert collect("--log", "x.txt")[0] == 0, "what is damaged there is in the store by now"


def test_another_content_under_one_id_ends_with_5(folder: Path) -> None:
    other = RUNS[0].model_copy(update={"seed": 99})
    (folder / "x.txt").write_text(saved(*LINES, to_line(other)), encoding="utf-8")
    code, result = collect("--log", "x.txt")
    assert code == 5
    assert RUNS[0].key() in result.stderr


def test_a_log_without_records_has_none(folder: Path) -> None:
    (folder / "x.txt").write_bytes(bytes(range(256)) * 100)
    code, result = collect("--log", "x.txt")
    assert (code, result.stdout) == (0, said(0, 0))


@pytest.mark.parametrize("words", [(), ("bench-v100", "--log", "-"), ("--log", "missing.txt"), ("--log", ".")])
def test_a_cluster_or_a_log_that_is_there_is_wanted(words: tuple[str, ...]) -> None:
    assert collect(*words)[0] == 2


def test_records_are_stored_while_the_log_goes_on(folder: Path) -> None:
    command = [sys.executable, "-m", "bench", "collect", "--log", "-", "--store", "store"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder) as process:
        assert process.stdin is not None
        process.stdin.write(f"{LINES[1]}\n".encode())
        process.stdin.flush()
        deadline = time.monotonic() + 300
        while not (folder / "store" / RUNS[0].key()).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None
        assert FolderStore(folder / "store").read(RUNS[0].key()) == RUNS[0]


def _gz(text: str) -> bytes:
    return gzip.compress(text.encode())


PACKED = {
    "whole": (_gz(saved(*LINES)), 0, 3),
    "in pieces": (b"".join(_gz(f"{line}\n") for line in LINES), 0, 3),
    "with zeros behind it, as a tape has": (_gz(saved(*LINES)) + bytes(512), 0, 3),
    "cut off": (_gz("\n".join(LINES[:2]) + "\n") + _gz(LINES[2])[:-20], 1, 2),
    "damaged": (_gz("\n".join(LINES[:2]) + "\n") + b"\x1f\x8b\x08 no more of it", 1, 2),
}


@pytest.mark.parametrize(("packed", "code", "came"), PACKED.values(), ids=PACKED)
def test_a_rotated_log_is_unpacked_as_far_as_it_goes(folder: Path, packed: bytes, code: int, came: int) -> None:
    (folder / "job.log.1.gz").write_bytes(packed)
    done, result = collect("--log", "job.log.1.gz")
    assert done == code, result.output
    assert len(list(FolderStore(folder / "store").keys())) == came


@pytest.mark.parametrize("content", [b"", b"\x1f", b"\x1f\x8b"])
def test_what_is_no_log_yet_holds_no_record(folder: Path, content: bytes) -> None:
    (folder / "x.txt").write_bytes(content)
    assert collect("--log", "x.txt")[0] == (1 if content == b"\x1f\x8b" else 0)


def test_a_packed_log_may_come_by_a_pipe(folder: Path) -> None:
    command = [sys.executable, "-m", "bench", "collect", "--log", "-", "--store", "store"]
    done = subprocess.run(command, input=_gz(saved(*LINES)), cwd=folder, check=False, timeout=300)
    assert done.returncode == 0
    assert len(list(FolderStore(folder / "store").keys())) == 3
