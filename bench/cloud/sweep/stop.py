"""The end of a sweep before its time: asked for once, heard by every cell."""

from __future__ import annotations

import threading
from enum import Enum


class Because(Enum):
    """Why a sweep stops early."""

    SIGNAL = "interrupted"
    COST = "max_cost is reached"
    DURATION = "max_duration is over"
    DEFECT = "an error in bench itself"


class Stopped(Exception):  # noqa: N818 -- somebody's wish, not an error
    """The sweep stops; raised where a cell waits."""


class Stop:
    """Whether the sweep stops. The first reason stands."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.because: Because | None = None

    def ask(self, because: Because) -> None:
        """Stop everything. Safe in a signal handler."""
        if self.because is None:
            self.because = because
            self._asked.set()

    def wait(self, seconds: float) -> None:
        """Wait for so long. Raises Stopped as soon as the sweep stops."""
        if self._asked.wait(seconds):
            raise Stopped
