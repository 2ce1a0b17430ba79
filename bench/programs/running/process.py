"""A program in a process group of its own: started, signalled, and terminated with everything that it left behind.

It is asked by SIGTERM, then made to by SIGKILL.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType

_MISSING = "no such program; check its spelling and the PATH"
_LINE = "no such program; leave out the quotes, or give the line to a shell: sh -c '…'"
_NOT_EXECUTABLE = "not executable; start it with its interpreter, or chmod +x"


class CannotStart(Exception):  # noqa: N818 -- says what happened, as the standard library's TimeoutExpired does
    """The program could not be started; the text says why and what to do."""


def find_program(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Where the program of `argv` lies. Raises CannotStart where nothing that can be run has its name."""
    found = shutil.which(argv[0], path=environ.get("PATH"))
    if found is None:
        if Path(argv[0]).is_file() and "/" in argv[0]:
            raise CannotStart(f"{argv[0]}: {_NOT_EXECUTABLE}")
        raise CannotStart(f"{argv[0]}: {_missing(argv)}")
    return found


def _missing(argv: Sequence[str]) -> str:
    """Why no program has this name, where it looks like something for a shell."""
    if "=" in argv[0]:
        return f"no such program; to set a variable, begin with env {argv[0]}"
    return _LINE if " " in argv[0].strip() and len(argv) == 1 else _MISSING


def instant() -> tuple[float, float]:
    """Now, on the monotonic clock and in seconds since 1970: the closest of some readings.

    Between the two clocks a busy machine may do something else for longer than a program takes to start.
    """
    readings = []
    for _ in range(5):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        readings.append((after - before, (before + after) / 2, wall))
    return min(readings)[1:]


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
            raise CannotStart(f"{folder}: no such folder" if no_folder else f"{argv[0]}: {_missing(argv)}") from None
        except PermissionError:
            raise CannotStart(f"{argv[0]}: {_NOT_EXECUTABLE}") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CannotStart(f"{argv[0]}: cannot be started ({reason})") from None
        self.started_at, self.started_wall = instant()
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
        """The exit code of the program; None while it runs and where a signal ended it."""
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


ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_HANDED_ON = ("SIGUSR1", "SIGUSR2")
_IMPATIENT = 3  # signals after which nobody wants to wait any longer
# A process that outlives SIGKILL waits for a disk or a device, and we do not wait for it.
_UNKILLABLE_S = 5.0


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None], names: tuple[str, ...] = ENDING) -> Iterator[None]:
    """Inside, `handler` is called at the signals of these names; the old handlers come back after it."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Ignored stays ignored, as SIGHUP is under nohup.
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, handler)) for number in handled]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


class Ending:
    """Why `group` is to end, and how far that is.

    `ended` is why we stop it: sampled, target or timeout; `interrupted` the signal that asked us to. `cleanup` says
    what became of the processes: clean, terminated or killed where they had to be, left where they were out of reach.
    """

    def __init__(self, group: Group, grace: float, linger: float) -> None:
        self._group, self._grace, self._linger = group, grace, linger
        self.ended: str | None = None
        self.interrupted: str | None = None
        self.cleanup = "clean"
        self.kill_at: float | None = None
        self._killed_at: float | None = None
        self._signals = 0

    @property
    def begun(self) -> bool:
        """Whether the end was asked for already."""
        return self.ended is not None or self.interrupted is not None

    def stop(self, ended: str, now: float) -> None:
        """Ask the program to end."""
        self.ended = ended
        self._terminate(now)

    def advance(self, now: float) -> None:
        """Kill what was asked to end, and did not within the grace."""
        if self.kill_at is not None and now >= self.kill_at:
            self._group.send(signal.SIGKILL)
            self.cleanup = "killed"
            self._killed_at = self._killed_at or now
            self.kill_at = now + _UNKILLABLE_S

    def over(self, now: float, *, piped: bool) -> bool:
        """Whether nothing is left to wait for. `piped`: somebody still holds the program's output."""
        exited_at = self._group.exited_at
        if exited_at is None:
            return False
        alive = self._group.alive()
        if not alive and not piped:
            return True
        lingered = now - exited_at >= self._linger
        if alive and lingered and self.kill_at is None:
            self.cleanup = "terminated"
            self._terminate(now)
        unkillable = self._killed_at is not None and now - self._killed_at >= _UNKILLABLE_S
        if unkillable or (lingered and not alive):  # outside the group, a process is out of reach
            self.cleanup = "left"
            return True
        return False

    def forwarding_signals(self) -> AbstractContextManager[None]:
        """Inside, signals are forwarded to the program; the first that asks for its end starts the grace period."""
        return handled_by(self._forward, (*ENDING, *_HANDED_ON))

    def _forward(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        self._group.send(number)
        if name in ENDING:
            self._signals += 1
            self.interrupted = self.interrupted or name
            now = time.monotonic()
            self.kill_at = now if self._signals >= _IMPATIENT else self.kill_at or now + self._grace

    def _terminate(self, now: float) -> None:
        self._group.send(signal.SIGTERM)
        self.kill_at = now + self._grace
