"""The Python of a machine that SkyPilot rents here, with SkyPilot loaded: `python -c CODE` is forked, not started.

SkyPilot asks its machines by hundreds of such programs, and each would load all of SkyPilot: two seconds of a
processor. The first one starts a server that has it loaded, and goes on as ever; those that follow are forked by the
server. All else, such as jobs and what keeps them, is started as ever.
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
from contextlib import suppress
from pathlib import Path
from select import select

# In place of an environment's python, which stands for the Python `real`.
SHIM = """\
#!/bin/bash
words=("$@")
[[ $1 != -u ]] || shift
[[ $1 != -c ]] || exec {real} -I -S {this} {real} "$0" "${{@:2}}"
exec -a "$0" {real} "${{words[@]}}"
"""
_LOOK_S = 5.0  # how often the server looks whether its environment is still there


def main(real: str, python: str, *words: str) -> None:
    """Ask the server of the environment of `python` to run `words`, a code and what it reads; without one, run them."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(_address(python))
    except OSError:
        null = subprocess.DEVNULL
        subprocess.Popen([python, "-u", __file__, python], stdin=null, stdout=null, stderr=null, start_new_session=True)
        os.execv(real, [python, "-u", "-c", *words])
    told = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd())}
    socket.send_fds(connection, [b"\n"], [0, 1, 2])
    connection.sendall(json.dumps(told).encode() + b"\n")
    sys.exit(int(connection.makefile().readline() or 1))


def serve(python: str) -> list[str]:
    """Load SkyPilot and fork, as long as the environment of `python` is there. In a fork, gives the words to run."""
    lock = os.open(f"{_address(python)}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit()  # another one serves
    from sky.skylet import autostop_lib, job_lib, log_lib  # noqa: F401 -- to have them loaded

    gc.freeze()
    Path(_address(python)).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(_address(python))
    listener.listen(100)
    listener.settimeout(_LOOK_S)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a fork ended
    while Path(python).exists():
        with suppress(TimeoutError):
            connection, _ = listener.accept()
            if os.fork() == 0:
                os.close(lock)
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
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    words: list[str] = told["words"]
    return words


def _address(python: str) -> str:
    return f"{python}.socket"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(*sys.argv[1:])
    code, *arguments = serve(sys.argv[1])
    sys.argv, sys.path[0] = ["-c", *arguments], ""
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
