"""A program in a process group of its own: started, signalled, and nothing of it left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_MISSING = "no such program; is it spelled right, and on the PATH?"
_NOT_EXECUTABLE = "not executable; start it with its interpreter, or chmod +x"


class CannotStart(Exception):  # noqa: N818 -- says what happened, as the standard library's TimeoutExpired does
    """The program could not be started; the text says why and what to do."""


def find_program(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Where the program of `argv` lies. Raises CannotStart where nothing that can be run has its name."""
    found = shutil.which(argv[0], path=environ.get("PATH"))
    if found is None:
        if Path(argv[0]).is_file() and "/" in argv[0]:
            raise CannotStart(f"{argv[0]}: {_NOT_EXECUTABLE}")
        raise CannotStart(f"{argv[0]}: {_MISSING}")
    return found


class Group:
    """A running program with all processes that it starts and does not move to another group.

    `started_at` and `exited_at`, when the program itself ended, are on `time.monotonic`, `started_wall` is the same
    instant as the first in seconds since 1970; `woken` becomes readable then. Its output is in the pipes `stdout` and
    `stderr`, or where it is not `piped` goes where ours does.
    """

    def __init__(
        self, argv: Sequence[str], environ: Mapping[str, str], folder: Path | None = None, *, piped: bool = True
    ) -> None:
        output = subprocess.PIPE if piped else None
        try:
            # A session of its own: what a terminal sends to its foreground group comes from us, and once.
            self._leader = subprocess.Popen(
                list(argv),
                env=dict(environ),
                cwd=folder,
                stdout=output,
                stderr=output,
                bufsize=0,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            no_folder = error.filename == str(folder)
            raise CannotStart(f"{folder}: no such folder" if no_folder else f"{argv[0]}: {_MISSING}") from None
        except PermissionError:
            raise CannotStart(f"{argv[0]}: {_NOT_EXECUTABLE}") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CannotStart(f"{argv[0]}: cannot be started ({reason})") from None
        self.started_at, self.started_wall = time.monotonic(), time.time()
        self.exited_at: float | None = None
        if self._leader.stdout and self._leader.stderr:
            self.stdout, self.stderr = self._leader.stdout.fileno(), self._leader.stderr.fileno()
        self.woken, self._wake = os.pipe()
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def _wait(self) -> None:
        self._leader.wait()
        self.exited_at = time.monotonic()
        with suppress(OSError):
            os.write(self._wake, b"x")

    @property
    def exit_code(self) -> int | None:
        """Of the program; None while it runs and where a signal ended it."""
        code = self._leader.returncode
        return code if code is not None and code >= 0 else None

    @property
    def killed_by(self) -> str | None:
        """The signal that ended the program."""
        code = self._leader.returncode
        if code is None or code >= 0:
            return None
        try:
            return signal.Signals(-code).name
        except ValueError:  # a real-time signal
            return f"signal {-code}"

    def send(self, number: int) -> None:
        """Signal all of the group, as a terminal does."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader.pid, number)

    def alive(self) -> bool:
        """Whether a process of the group is left, the program itself or one that it started."""
        if self.exited_at is None:
            return True
        with suppress(ChildProcessError):  # orphans come to us where we are the first process of a container
            while os.waitpid(-self._leader.pid, os.WNOHANG) != (0, 0):
                pass
        try:
            os.killpg(self._leader.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's by now
            return False
        return True

    def close(self) -> None:
        """Let go of the pipes, after the program has ended."""
        for stream in (self._leader.stdout, self._leader.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._waiter.join()
        os.close(self.woken)
        os.close(self._wake)
