"""The progress line: plain lines off a terminal, nothing when quiet, and what it says is true."""

import os
from contextlib import suppress

import pytest

from bench.measure.progress import Progress


def one_run(progress: Progress) -> None:
    progress.begin("myrtle seed 0 [1/2]")
    progress.phase("train")
    for step in (1, 2, 3):
        progress.stepped(step, 6)
    progress.evaluated(0.5, 0.9208)
    progress.end("92.08% in 3 s")


def test_off_a_terminal_each_evaluation_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    one_run(Progress())
    out, err = capsys.readouterr()
    assert out == ""
    first, evaluated, last = err.splitlines()
    assert first == "myrtle seed 0 [1/2]"
    assert evaluated == "  epoch 0.5: 92.08%  3/6  0:00 elapsed  0:00 left"
    assert last == "myrtle seed 0 [1/2]: 92.08% in 3 s"
    assert "\x1b" not in err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    one_run(Progress(quiet=True))
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_is_gone_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    nobody_reads = os.fdopen(write, "w", buffering=1)
    monkeypatch.setattr("sys.stderr", nobody_reads)
    one_run(Progress())
    with suppress(BrokenPipeError):
        nobody_reads.close()
