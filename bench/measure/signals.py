"""SIGINT, SIGTERM and SIGHUP: their handlers, and an exception raised only where nothing measured can be lost by it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Inside, `handler` is called at SIGINT, SIGTERM and SIGHUP; the old handlers come back after it.

    SIGHUP stays ignored where it is, as under nohup.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # a closed window, a dropped connection
        numbers.append(signal.SIGHUP)
    old = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)


class Interrupted(BaseException):
    """A signal asked the run to stop; the text is the signal's name. No error, and not to be caught as one."""


class Interrupts:
    """Listens for the three signals. Inside `armed` they raise Interrupted at once, elsewhere they are kept."""

    def __init__(self) -> None:
        self.received: str | None = None
        self._armed = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the signals are heeded."""
        with handled_by(self._handle):
            yield

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Let a signal break off what is inside, and one that came before it prevent it."""
        self._armed = True
        try:
            if self.received:
                raise Interrupted(self.received)
            yield
        finally:
            self._armed = False

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Inside `armed`: a signal waits for the end of what is inside, such as an import that cannot be broken off."""
        armed, self._armed = self._armed, False
        try:
            yield
        finally:
            self._armed = armed
        if self._armed and self.received:
            self._armed = False
            raise Interrupted(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        if self._armed:
            self._armed = False  # once: the record of the broken run is written in peace
            raise Interrupted(self.received)
