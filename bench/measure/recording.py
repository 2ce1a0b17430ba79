"""The records of one call: its lease opened, each run stored as it ends, the lease closed; and signal handling.

SIGINT, SIGTERM and SIGHUP raise an exception only where nothing measured can be lost by it. The first ends the series
once its records are stored; after a second one a store that stalls is not waited for, and they stay in the spool.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from bench.errors import StoppedError, StoreError
from bench.record.documents import CloseReason, LeaseClosed, LeaseOpened, Run, utc_now
from bench.store import GivenUp, SpooledWriter, Store
from bench.text import plural

# Runs as they end; what it returns is how many of those asked for were not made, as a signal came.
Runs = Generator[Run, None, int]
_BRIEFLY_S = 5.0  # for a store whose record comes after a second signal
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
    """Listens for the three signals. Inside `armed` they raise Interrupted at once, elsewhere they are kept.

    Inside `waiting` a second one raises GivenUp.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._armed = self._waiting = self._hurried = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the signals are handled."""
        alarm = signal.signal(signal.SIGALRM, self._give_up)
        try:
            with handled_by(self._handle):
                yield
        finally:
            signal.signal(signal.SIGALRM, alarm)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a second signal give up what is waited for inside; where it came before, that has a few seconds."""
        self._waiting = True
        if self._hurried:
            signal.setitimer(signal.ITIMER_REAL, _BRIEFLY_S)
        try:
            yield
        finally:
            self._waiting = False
            signal.setitimer(signal.ITIMER_REAL, 0)

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
        """Inside `armed`: a signal waits for the end of the block, such as an import that must not be interrupted."""
        armed, self._armed = self._armed, False
        try:
            yield
        finally:
            self._armed = armed
        if self._armed and self.received:
            self._armed = False
            raise Interrupted(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._hurried = self.received is not None
        self.received = signal.Signals(number).name
        if self._armed:
            self._armed = False  # once: the record of the broken run is written in peace
            raise Interrupted(self.received)
        if self._hurried:
            self._give_up(number, frame)

    def _give_up(self, number: int, frame: FrameType | None) -> None:
        if self._waiting:
            self._waiting = False
            raise GivenUp


@dataclass(frozen=True, kw_only=True)
class LeasePart:
    """How a call takes part in a lease.

    `opened` is to be stored first; None: the lease is open already. `closes`: the lease ends with this call.
    `preempted` says whether the provider is taking the machine back; it is asked at SIGTERM. `later`, of a lease that
    calls on the machine share: which one is open as this call ends, and what opens it.
    """

    lease_id: str
    opened: LeaseOpened | None
    closes: bool
    preempted: Callable[[], bool]
    later: Callable[[], tuple[str, LeaseOpened | None]] | None = None


def recorded(
    runs: Callable[[], Runs], part: LeasePart, store: Store, interrupts: Interrupts, *, echo: bool
) -> Iterator[tuple[Run, str]]:
    """Yield each of `runs` with its key in the store, as it ends; they begin once the lease is open.

    `echo`: each record is a line on stdout, too. In the end raises StoreError where the store did not take a record,
    which then waits in the spool; StoppedError where a signal came and a run was not made, or a record not taken.
    """
    writer = SpooledWriter(store, echo=echo, waiting=interrupts.waiting)
    left = 0

    def made() -> Iterator[Run]:
        nonlocal left
        left = yield from runs()

    reason: CloseReason = "failed"
    with interrupts.listening():
        if part.opened:
            writer.put(part.opened, joins=part.later is not None)
        try:
            for run in made():
                if run.status == "interrupted" and interrupts.received == "SIGTERM" and part.preempted():
                    run = run.model_copy(update={"reason": "PREEMPTED", "message": "the provider took the machine"})
                    reason = "preempted"
                key = writer.put(run)
                if not interrupts.received:
                    writer.drain()  # here and not at the start, where the clock of a cold run is going
                yield run, key
            if reason != "preempted":
                reason = "interrupted" if interrupts.received else "finished"
        except GeneratorExit:  # whoever takes the runs goes, such as the reader of a pipe
            reason = "interrupted"
            raise
        finally:
            if part.closes:
                _close(writer, part, interrupts, reason)
        _finish(writer, interrupts, left)


def _close(writer: SpooledWriter, part: LeasePart, interrupts: Interrupts, reason: CloseReason) -> None:
    """Close the lease, or the one behind it where another call on the machine has ended first."""
    lease_id = part.lease_id
    opened: LeaseOpened | None = None
    if part.later and writer.reached:  # a store that is away would keep the end of the lease from the log
        with suppress(GivenUp), interrupts.waiting():
            lease_id, opened = part.later()
    if opened:
        writer.put(opened, joins=True)
    writer.put(LeaseClosed(id=lease_id, stopped=utc_now(), reason=reason))


def _finish(writer: SpooledWriter, interrupts: Interrupts, left: int) -> None:
    """Say what is missing: runs that were not made, as a signal came, and records that the store did not take."""
    missing = [f"{plural(left, 'run')} not executed"] if left else []
    try:
        writer.finish()
    except StoreError as error:
        if interrupts.received is None:
            raise
        missing.append(str(error))
    if missing:
        raise StoppedError(f"stopped by {interrupts.received}: {'; '.join(missing)}")
