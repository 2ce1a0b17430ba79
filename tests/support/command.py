"""`bench` as a user calls it, in this process: what it prints, and its exit code. Much faster than a process each."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from click.testing import CliRunner

from bench.cli import main


class Done(NamedTuple):
    """A finished call, with the names that subprocess has for them."""

    returncode: int
    stdout: str
    stderr: str


def runner() -> CliRunner:
    """click's own way to call a command, with stdout and stderr apart, as it keeps them from version 8.2 on."""
    older: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**older)


def run_bench(*words: str, cwd: Path, env: Mapping[str, str]) -> Done:
    """Call `bench` in the folder `cwd` with just these variables; nothing is a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    status = 0
    with (
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(sys, "argv", ["bench", *words]),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))
