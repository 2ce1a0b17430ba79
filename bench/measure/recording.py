"""The records of one call: its lease opened, each run stored as it ends, and the lease closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench.measure.signals import Interrupts
from bench.record.documents import CloseReason, LeaseClosed, LeaseOpened, Run, utc_now
from bench.store import SpooledWriter, Store


@dataclass(frozen=True, kw_only=True)
class LeasePart:
    """How a call takes part in a lease.

    `opened` is to be stored first; None: the lease is open already. `closes`: the lease ends with this call.
    `preempted` says whether the provider is taking the machine back; it is asked at SIGTERM.
    """

    lease_id: str
    opened: LeaseOpened | None
    closes: bool
    preempted: Callable[[], bool]


def recorded(
    runs: Callable[[], Iterable[Run]], part: LeasePart, store: Store, interrupts: Interrupts, *, echo: bool
) -> Iterator[tuple[Run, str]]:
    """Yield each of `runs` with its key in the store, as it ends; they begin once the lease is open.

    `echo`: each record is a line on stdout, too. In the end raises StoreError where the store did not take a record,
    which then waits in the spool.
    """
    writer = SpooledWriter(store, echo=echo)
    reason: CloseReason = "failed"
    with interrupts.listening():
        if part.opened:
            writer.put(part.opened)
        try:
            for run in runs():
                if run.status == "interrupted" and interrupts.received == "SIGTERM" and part.preempted():
                    run = run.model_copy(update={"reason": "PREEMPTED", "message": "the provider took the machine"})
                    reason = "preempted"
                key = writer.put(run)
                writer.drain()  # here and not at the start, where the clock of a cold run is going
                yield run, key
            if reason != "preempted":
                reason = "interrupted" if interrupts.received else "finished"
        except GeneratorExit:  # whoever takes the runs goes, such as the reader of a pipe
            reason = "interrupted"
            raise
        finally:
            if part.closes:
                writer.put(LeaseClosed(id=part.lease_id, stopped=utc_now(), reason=reason))
    writer.finish()
