"""How a command that runs something takes part in the lease of this machine, and what that costs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from bench import variables
from bench.errors import BenchError
from bench.lease.lease import LeaseHandle
from bench.lease.machine import preempted
from bench.measure.recording import LeasePart
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, lease_key, utc_now
from bench.store import Store


def lease_part(lease: LeaseHandle) -> LeasePart:
    """The part of a call that holds `lease`."""
    return LeasePart(
        lease_id=lease.lease_id,
        opened=lease.opened,
        closes=lease.closes,
        preempted=partial(preempted, os.environ),
    )


def opened_lease(lease: LeaseHandle, store: Store) -> LeaseOpened:
    """The lease's record; one that was open before is read from the store. Raises BenchError where it is not there."""
    opened = lease.opened or store.read(lease_key(lease.lease_id, "opened"))
    assert isinstance(opened, LeaseOpened)  # what has its place there
    return opened


def lease_cost_text(lease: LeaseHandle, store: Store, run_phases: Sequence[Phase]) -> str:
    """What the lease cost until now, phase by phase."""

    from bench.cli.parts.job_cost import cost_table

    try:
        opened = opened_lease(lease, store)
    except BenchError as error:
        return f"bench: what the lease cost is unknown: {error}"
    closed = LeaseClosed(id=lease.lease_id, stopped=utc_now())
    return cost_table(opened, closed, run_phases, variables.IDLE_MINUTES.read(os.environ))
