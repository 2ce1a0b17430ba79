"""How a program is brought to its end: asked by SIGTERM, made to by SIGKILL, with all that it left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from bench.programs.running.process import Group

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
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, handler)) for number in heeded]
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

    def heeding_signals(self) -> AbstractContextManager[None]:
        """Inside, signals that we get are handed on; the first that asks for an end begins the grace."""
        return handled_by(self._heed, (*ENDING, *_HANDED_ON))

    def _heed(self, number: int, frame: FrameType | None) -> None:
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
