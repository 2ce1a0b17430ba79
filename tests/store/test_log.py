"""Records as lines of a log: whatever logs do to lines, a record comes back as it was or is counted as damaged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from bench.record.documents import LeaseClosed, LeaseOpened, Run, to_bytes, utc_now
from bench.store.base import RawRecord
from bench.store.log import echo, read_log, read_log_text, to_line
from tests.support.builders import make_run, runs
from tests.support.logs import read

RUNS = [make_run(seed=seed) for seed in range(3)]


def wrapped(text: str, width: int) -> str:
    """As a terminal of `width` columns shows it, and as it is copied from there."""
    cut = [line[at : at + width].rstrip() for line in text.split("\n") for at in range(0, max(len(line), 1), width)]
    return "\n".join(cut) + "\n"


def test_a_line_is_short_and_says_which_record_it_is() -> None:
    line = to_line(RUNS[0])
    assert re.fullmatch(r"bench-record: 1,\S+,\d+,[0-9a-f]{16},[A-Za-z0-9+/]+", line)
    assert RUNS[0].key() in line
    assert len(line) < 4096  # what a pipe takes in one piece


def test_text_that_has_no_utf_8_does_no_harm() -> None:
    line = to_line(RUNS[0])
    pieces = ["half a letter: \ud83d ", line[:100], f"{line[100:]}\n", "\udcff\n"]
    assert list(read_log_text(pieces)) == [RawRecord(RUNS[0].key(), to_bytes(RUNS[0]))]


def test_leases_come_back_too() -> None:
    opened = LeaseOpened(provider="aws", started=utc_now())
    closed = LeaseClosed(id=opened.id, stopped=utc_now())
    assert read(f"{to_line(opened)}\n{to_line(closed)}\n") == ([to_bytes(opened), to_bytes(closed)], [])


PREFIXES = [
    "",
    "(bench-v100, pid=1234) ",
    "\x1b[36m(bench-v100, pid=1234)\x1b[0m ",
    "(head, rank=0, pid=77) ",
    "3: ",  # srun --label
    "2026-11-25T10:11:12.123456789Z ",  # kubectl logs --timestamps
    "2026-11-25T10:11:12.123456789Z stdout F ",  # a file of containerd
    "Nov 25 10:11:12 host bench[7]: ",
    " 50%|█████     | 5/10 [00:01<00:01]\r",
    "\x1b[2K\rquick seed 3 [4/5] train ",
    '{"log":"',
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\x1b[0m\n", '\\n","stream":"stdout"}\n'])
def test_what_stands_before_and_after_a_record_does_no_harm(prefix: str, end: str) -> None:
    log = "".join(f"{prefix}epoch 1{end}{prefix}{to_line(run)}{end}" for run in RUNS)
    assert read(log) == ([to_bytes(run) for run in RUNS], [])


@pytest.mark.parametrize("prefix", PREFIXES[:8])
@pytest.mark.parametrize("width", [20, 79, 80, 81, 132, 250])
def test_a_terminal_that_wraps_lines_does_no_harm(prefix: str, width: int) -> None:
    prefix = re.sub(r"\x1b\[\d+m", "", prefix)
    log = "".join(f"{prefix}epoch 1, loss 2.0\n{prefix}{to_line(run)}\n{prefix}done\n" for run in RUNS)
    assert read(wrapped(log, width)) == ([to_bytes(run) for run in RUNS], [])


def test_lines_that_were_cut_before_they_got_their_prefix_come_back() -> None:
    line = to_line(RUNS[0])
    parts = [line[:1000], line[1000:1500], line[1500:]]
    log = "".join(
        f"2026-11-25T10:11:{k:02}.{k}Z stdout {'P' if k < 2 else 'F'} {each}\n" for k, each in enumerate(parts)
    )
    assert read(log) == ([to_bytes(RUNS[0])], [])


@given(run=runs(), width=st.integers(16, 300), chunk=st.integers(1, 5000))
def test_any_run_comes_back_wrapped_anywhere_in_chunks_of_any_size(run: Run, width: int, chunk: int) -> None:
    log = wrapped(f"(task, pid=12) {to_line(run)}\nthe end of it\n", width).encode()
    assert read(log, chunk) == ([to_bytes(run)], [])


@given(at=st.integers(0, 3000), other=st.text(min_size=1).map(lambda text: text.encode(errors="replace")))
def test_another_program_that_writes_into_a_line_costs_nothing(at: int, other: bytes) -> None:
    """It ends its own line; the rest of the record follows on the next."""
    line = to_line(RUNS[0]).encode()
    at = 120 + at % (len(line) - 120)  # within the payload
    log = line[:at] + b"WARNING " + other.replace(b"\n", b" ").replace(b"\r", b" ") + b" here\n" + line[at:] + b"\n"
    assert read(log + to_line(RUNS[1]).encode()) == ([to_bytes(RUNS[0]), to_bytes(RUNS[1])], [])


def test_two_records_that_are_written_into_each_other_both_come_back() -> None:
    a, b = to_line(RUNS[0]), to_line(RUNS[1])
    records, damaged = read(f"{a[:700]}{b}\n{a[700:]}\n")
    assert sorted(records) == sorted([to_bytes(RUNS[0]), to_bytes(RUNS[1])])
    assert damaged == []


@pytest.mark.parametrize("kept", [130, 700, -20])
@pytest.mark.parametrize("following", ["", "\nepoch\n", "\nTraceback (most recent call last):\n" * 20])
def test_a_line_that_breaks_off_is_damaged_and_those_after_it_come(kept: int, following: str) -> None:
    line = to_line(RUNS[0])
    records, (damaged,) = read(f"first\n{line[:kept]}{following}\n{to_line(RUNS[1])}\n")
    assert records == [to_bytes(RUNS[1])]
    assert (damaged.line, damaged.key) == (2, RUNS[0].key())


def test_the_number_of_a_damaged_line_counts_the_lines_that_nobody_looked_at() -> None:
    _, (damaged,) = read("epoch 1\n" * 50_000 + to_line(RUNS[0])[:-100], chunk=5000)
    assert damaged.line == 50_001


def test_a_changed_letter_is_damage_and_named() -> None:
    line = to_line(RUNS[0])
    changed = line[:500] + ("A" if line[500] != "A" else "B") + line[501:]
    records, (damaged,) = read(f"{changed}\n{to_line(RUNS[1])}\n")
    assert records == [to_bytes(RUNS[1])]
    assert damaged.key == RUNS[0].key()


def test_a_line_of_a_newer_version_is_said_to_be_one() -> None:
    _, (damaged,) = read(to_line(RUNS[0]).replace("record: 1,", "record: 2,"))
    assert "newer" in damaged.why


def test_a_log_in_utf_16_is_read() -> None:
    assert read(f"epoch 1\r\n{to_line(RUNS[0])}\r\n".encode("utf-16")) == ([to_bytes(RUNS[0])], [])


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_bytes_that_are_no_text_do_no_harm(before: bytes, after: bytes) -> None:
    records, _ = read(before + b"\n" + to_line(RUNS[0]).encode() + b"\n" + after)
    assert to_bytes(RUNS[0]) in records


START = to_line(RUNS[0]).rpartition(",")[0] + ","
SNIPPETS = [
    "bench-record: ",
    "bench-rec",
    "1,",
    START,
    START.replace(",1", ",9"),
    "AAAA",
    "\n",
    "\r",
    "\x1b[",
    "b\n",
    "eJw",
]


@given(st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=5), max_size=60).map("".join))
def test_nonsense_is_never_a_record_and_never_a_traceback(log: str) -> None:
    assert read(log.encode(errors="replace"))[0] == []


def test_a_huge_promise_is_not_believed() -> None:
    huge = re.sub(r",\d+,", ",999999999,", to_line(RUNS[0]), count=1)
    assert [damaged.key for damaged in read(huge)[1]] == [RUNS[0].key()]


@pytest.mark.parametrize(
    "filler", [b"x" * 1000, b"epoch 1\n" * 125, b"\r 50%" * 200], ids=["no-newline", "lines", "bar"]
)
def test_a_long_log_is_read_in_bounded_memory(filler: bytes) -> None:
    def log() -> Iterator[bytes]:
        for run in RUNS:
            yield from [filler * 64] * 100
            yield f"\n{to_line(run)}\n".encode()

    tracemalloc.start()
    found = list(read_log(log()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [each.raw for each in found if isinstance(each, RawRecord)] == [to_bytes(run) for run in RUNS]
    assert peak < 10 * 1024 * 1024


def test_echo_writes_the_line_and_flushes(capsys: pytest.CaptureFixture[str]) -> None:
    echo(RUNS[0])
    assert capsys.readouterr().out == to_line(RUNS[0]) + "\n"


ECHOES = (
    "import sys\n"
    "from bench.store.log import echo\n"
    "from tests.support.builders import make_run\n"
    "for seed in range(20):\n"
    "    echo(make_run(seed=seed))\n"
    "    print(seed, flush=True)\n"
    "sys.stderr.write('to the end')\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["pipe", "/dev/full", "closed"])
def test_a_stdout_that_takes_nothing_more_stops_nothing(where: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)  # the reader is gone
    stdout = os.open(where, os.O_WRONLY) if where == "/dev/full" else theirs
    close = "sys.stdout.close(); print = lambda *_, **__: None\n" if where == "closed" else ""
    program = ECHOES.replace("import sys\n", f"import sys\n{close}")
    done = subprocess.run([sys.executable, "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert done.stderr.endswith("to the end")
    assert "Traceback" not in done.stderr
    for each in {theirs, stdout}:
        os.close(each)


@pytest.mark.slow
def test_a_pipe_gets_a_line_in_one_piece() -> None:
    """Four processes write into one pipe; no line is broken."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        writers = [
            subprocess.Popen([sys.executable, "-c", ECHOES], stdout=reader.stdin, stderr=subprocess.DEVNULL)
            for _ in range(4)
        ]
        reader.stdin.close()
        output = reader.stdout.read()
        assert [writer.wait() for writer in writers] == [0] * 4
    records, damaged = read(output)
    assert (len(set(records)), damaged) == (80, [])
