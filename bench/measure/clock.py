"""The clock of one run: phases on the monotonic clock, read only when the device has finished its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bench.record.documents import Phase, PhaseName


class Clock:
    """Phases in seconds since `anchor`. `synchronise` waits for the device; it may raise, for a device lost.

    With `since` (a reading of `time.perf_counter`) the anchor lies there, in the past: a cold start.
    """

    def __init__(self, synchronise: Callable[[], None], since: float | None = None) -> None:
        self._synchronise = synchronise
        now = time.perf_counter()
        self._zero = now if since is None else since
        self.anchor = datetime.now(UTC) - timedelta(seconds=now - self._zero)
        self.phases: list[Phase] = []

    @property
    def zero(self) -> float:
        """The anchor as a reading of `time.perf_counter`, which is the same clock in every process of a machine."""
        return self._zero

    def now(self) -> float:
        """Seconds since the anchor."""
        return time.perf_counter() - self._zero

    def add(self, name: PhaseName, start: float, stop: float) -> None:
        """A phase that was timed elsewhere, on this clock."""
        self.phases.append(Phase(name=name, start=start, stop=stop))

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """Time a phase. One that is broken off is kept too, marked as not synchronised where that failed."""
        self._synchronise()
        start, finished = self.now(), False
        try:
            yield
            self._synchronise()
            finished = True
        finally:
            phase = Phase(name=name, start=start, stop=self.now(), epoch=epoch, synchronised=finished)
            self.phases.append(phase)

    def drift(self) -> float:
        """How many seconds the wall clock moved against the monotonic one since the anchor."""
        return (datetime.now(UTC) - self.anchor).total_seconds() - self.now()
