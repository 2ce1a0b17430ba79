"""The leases of a sweep's machines, closed from outside by SkyPilot's books, and opened too where no machine did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bench.cloud.sweep.collect import keys_in
from bench.cloud.sweep.order import CATALOGUE
from bench.cloud.sweep.renting import Rented, Used
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, Price, utc_now
from bench.record.lease import TAG, CloseReason
from bench.store import Store


def settle(
    launch: str, tags: Mapping[str, str], machine: Rented, there: datetime | None, used: Used, reason: CloseReason,
    store: Store,
) -> None:  # fmt: skip
    """Close the lease of the launch, if it is not closed, at the time that SkyPilot ended the machine.

    Where the machine never came to open it, it is opened with the launcher's facts and `tags`: the machine was there,
    and prepared from then on, since `there`. Raises StoreError where the store does not take it.
    """
    if used.stopped is None:
        return
    keys = set(keys_in(store, f"v1/leases/{launch}/"))
    closed = LeaseClosed(id=launch, stopped=used.stopped, stopped_source="launcher", reason=reason)
    opened = _opened(launch, tags, machine, there, used)
    if closed.key() in keys:
        return
    if opened.key() not in keys:
        store.put(opened)
    else:
        found = store.read(opened.key())
        if isinstance(found, LeaseOpened):  # two clocks: nothing ends before it began
            closed = closed.model_copy(update={"stopped": max(closed.stopped, found.started)})
    store.put(closed)


def _opened(
    launch: str, tags: Mapping[str, str], machine: Rented, there: datetime | None, used: Used
) -> LeaseOpened:  # fmt: skip
    price = None
    if machine.hourly is not None:
        price = Price(
            amount=machine.hourly, pricing_category="Dynamic" if machine.spot else "Standard", source=CATALOGUE,
            currency="USD", seen=utc_now().date(),
        )  # fmt: skip
    return LeaseOpened(
        id=launch,
        provider=machine.provider,
        region=machine.region,
        zone=machine.zone,
        instance_type=machine.instance_type,
        resource_id=machine.resource_id,
        accelerators=machine.accelerators,
        price=price,
        started=used.started,
        started_source="launcher",
        attempt=1,
        phases=tuple(_phases(used, there)),
        tags={TAG: launch, **tags},
    )


def _phases(used: Used, there: datetime | None) -> list[Phase]:
    """All that a launcher sees of a machine that made no run: when it was there, and when it went."""
    assert used.stopped is not None  # `settle` asked
    whole = (used.stopped - used.started).total_seconds()
    provision = min(max((there - used.started).total_seconds(), 0.0), whole) if there else whole
    phases = [Phase(name="provision", start=0, stop=provision), Phase(name="setup", start=provision, stop=whole)]
    return [phase for phase in phases if phase.stop > phase.start]
