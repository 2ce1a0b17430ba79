"""What is handed on, and what is said between the program's lines."""

import os
from pathlib import Path

import pytest

from bench.programs.running.passthrough import Passthrough


@pytest.mark.parametrize(
    ("one_terminal", "stdout", "stderr", "expected"),
    [
        (True, b"\r4/9 loss: 0.5", b"", b"\r4/9 loss: 0.5\nbench: said\n"),
        (True, b"a line\n", b"", b"a line\nbench: said\n"),
        (True, b"a line\n", b"\r 44%", b"a line\n\r 44%\nbench: said\n"),
        (False, b"\r4/9 loss: 0.5", b"", b"bench: said\n"),
        (False, b"", b"\r 44%", b"\r 44%\nbench: said\n"),
    ],
)
def test_a_line_of_our_own_begins_where_none_is_left_open(
    one_terminal: bool, stdout: bytes, stderr: bytes, expected: bytes, tmp_path: Path
) -> None:
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
    names = ("both", "both") if one_terminal else ("stdout", "stderr")
    first, second = (os.open(tmp_path / name, flags) for name in names)
    try:
        out, err = Passthrough(first, "stdout"), Passthrough(second, "stderr")
        out.write(stdout)
        err.write(stderr)
        err.say("said", beside=out)
    finally:
        os.close(first)
        os.close(second)
    assert (tmp_path / names[1]).read_bytes() == expected
