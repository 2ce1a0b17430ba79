"""A Python that has its modules loaded: `python -c CODE` is forked from one process that has them, not started.

    python -I -S warm_python.py SOCKET MODULES REAL PYTHON -c CODE…

has CODE run by a fork of the server that listens at SOCKET. Where none does, REAL runs it as PYTHON; and for those that
follow a server beside PYTHON is started, which has MODULES loaded (with commas between; none: no server).
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select

# In place of an environment's python, which stands for the Python `real`. All but `-c CODE` is started as ever.
SHIM = """\
#!/bin/bash
words=("$@")
[[ $1 != -u ]] || shift
[[ $1 != -c ]] || exec {real} -I -S {this} "$0.socket" {modules} {real} "$0" "${{words[@]}}"
exec -a "$0" {real} "${{words[@]}}"
"""
_LOOK_S = 5.0  # how often a server looks whether it is wanted still


def start(address: str, modules: str) -> subprocess.Popen[bytes]:
    """Start a server that has `modules` loaded; it ends after this process. Programs that ask while it loads wait."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        return subprocess.Popen([sys.executable, "-u", __file__, "serve", modules], stdin=listener.fileno())


def ask(address: str, modules: str, real: str, python: str, *words: str) -> None:
    """Have the code among `words`, with what follows it, run by the server at `address`; without one, run it here."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        if modules:
            command, null = [python, "-u", __file__, "serve-beside", python, modules], subprocess.DEVNULL
            subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
        os.execv(real, [python, *words])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the fork has it too, and ends as it likes
    told = {"words": words[words.index("-c") + 1 :], "environment": dict(os.environ), "folder": str(Path.cwd())}
    socket.send_fds(connection, [b"\n"], [0, 1, 2])
    connection.sendall(json.dumps(told).encode() + b"\n")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # or who reads what the fork writes would not see that it ended
        os.dup2(nothing, number)
    os._exit(int(connection.makefile().readline() or 1))


def serve(modules: str) -> list[str]:
    """Fork for those who ask at the socket on stdin, as long as the process that started this one lives."""
    parent = os.getppid()
    listener = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[0] = ""  # the modules may be those of this folder
    _load(modules)
    return _fork(listener, lambda: os.getppid() == parent)


def serve_beside(python: str, modules: str) -> list[str]:
    """Fork for those who ask beside `python`, as long as it is there. Nobody waits while this one loads the modules."""
    address = f"{python}.socket"
    lock = os.open(f"{address}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of this process alone: its forks do not hold it
    except OSError:
        sys.exit()  # another one serves
    _load(modules)
    Path(address).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(100)
    return _fork(listener, Path(python).exists)


def _load(modules: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in modules.split(","):
        import_module(name)
    gc.freeze()


def _fork(listener: socket.socket, wanted: Callable[[], bool]) -> list[str]:
    """Fork for whoever asks, until the server is not wanted any more. A fork gets the words to run."""
    # From Python 3.12 on. The one thread may be that of Arrow's allocator, which keeps itself whole in forks.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    listener.settimeout(_LOOK_S)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a fork ended
    while wanted():
        with suppress(TimeoutError):
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _keep(connection)
            connection.close()
    sys.exit()


def _keep(connection: socket.socket) -> list[str]:
    """Fork for what is asked, tell how it ended, and end it where nobody waits any more. The fork gets its words."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    told = json.loads(connection.makefile().readline())
    if pid := os.fork():
        for file in files:
            os.close(file)
        if connection.fileno() in select([connection.fileno(), os.pidfd_open(pid)], [], [])[0]:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):
            connection.sendall(b"%d\n" % (code if code >= 0 else 128 - code))
        os._exit(0)
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    words: list[str] = told["words"]
    return words


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", modules]:
            code, *arguments = serve(modules)
        case ["serve-beside", python, modules]:
            code, *arguments = serve_beside(python, modules)
        case asked:
            ask(*asked)
    sys.argv, sys.path[0] = ["-c", *arguments], ""
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
