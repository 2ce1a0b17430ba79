"""Python programs forked from a process that has torch loaded, which each would take two seconds to load anew."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_CONTEXT = multiprocessing.get_context("forkserver")
# What the programs here import. Nothing of it speaks to the GPU before it is used.
_LOADED = ["tests.fake_gpu.train", "bench.cli", "torch._inductor.compile_fx"]


def python(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run of `python WORD…`, whose first word is -c, -m or a file.

    Of the environment, what the loader of programs and torch read when they start must be the same in each call.
    """
    with TemporaryDirectory() as outputs:
        out, err = Path(outputs, "out"), Path(outputs, "err")
        process = _CONTEXT.Process(target=_become, args=(words, environment, folder, out, err))
        server = _server(environment["LD_PRELOAD"], environment["PYTHONPATH"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forkserver, "connect_to_new_process", server.connect_to_new_process)
            process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([*words], timeout, out.read_text(), err.read_text())
        return subprocess.CompletedProcess([*words], process.exitcode, out.read_text(), err.read_text())


@cache
def _server(libcuda: str, path: str) -> forkserver.ForkServer:
    """What the programs are forked from: not the one server that multiprocessing has for all tests of a worker."""
    server = forkserver.ForkServer()
    server.set_forkserver_preload(_LOADED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", libcuda)
        patch.setenv("PYTHONPATH", path)  # it looks for what it loads nowhere else
        server.ensure_running()
    return server


def _become(words: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path, err: Path) -> None:
    """Be the program."""
    for number, path in ((1, out), (2, err)):
        output = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    match words:
        case ["-c", code, *_]:
            sys.argv = ["-c", *words[2:]]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        case ["-m", name, *_]:
            sys.argv = [*words[1:]]
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        case [file, *_]:
            sys.argv = [*words]
            runpy.run_path(file, run_name="__main__")
