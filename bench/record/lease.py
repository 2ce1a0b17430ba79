"""The documents of a lease: a machine opened, with its price, and closed again."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from bench.record.base import Document, Money, Part, Phase, Utc

LEASE_TAG = "bench-lease"  # on a machine and in its lease's record: what joins a bill to the lease
OWN = "own"  # the provider of a machine that nobody bills
PricingCategory = Literal["Standard", "Dynamic", "Committed"]  # FOCUS's words: on-demand, spot, reserved
PriceUnit = Literal["machine-hour", "gpu-hour"]
# Who says when a lease began. launcher: the program that rented it; process: the start of the process that
# opened the lease, for want of anything better.
StartedSource = Literal["provider", "launcher", "boot", "process"]
# process: when `bench` was done, which is before the machine was given back.
StoppedSource = Literal["provider", "launcher", "user", "process"]
LeaseEdge = Literal["opened", "closed"]
# preempted: the provider took the machine back, and said so. lost: it is gone, nobody says why, and `stopped` is the
# last sign of life, and the machine may have been paid for longer.
CloseReason = Literal["finished", "failed", "interrupted", "preempted", "lost"]


class Price(Part):
    """What one hour of a machine (or of one GPU) costs, as known when the lease began."""

    amount: Money
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")
    unit: PriceUnit = "machine-hour"
    pricing_category: PricingCategory = "Standard"
    source: str = Field(min_length=1)
    seen: date = Field(description="the day the price was read")


class Accelerators(Part):
    """The accelerators of a machine."""

    name: str
    count: int = Field(ge=1)

    @classmethod
    def parse(cls, text: str) -> Accelerators:
        """Those that SkyPilot writes `V100:8`, or `V100` for one. Raises ValueError."""
        name, _, count = text.partition(":")
        if not name or not (count or "1").isdecimal() or int(count or 1) < 1:
            raise ValueError(f"{text!r} is not NAME:NUMBER, such as V100:8")
        return cls(name=name, count=int(count or 1))

    def __str__(self) -> str:
        return f"{self.name}:{self.count}"


class LeaseOpened(Document):
    """A machine, from the moment it is paid for. `id` is the lease's id."""

    kind: Literal["lease-opened"] = "lease-opened"
    provider: str = Field(description="aws, gcp, lambda, …; own for a machine nobody bills")
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    resource_id: str | None = Field(None, description="the provider's name for this machine, as on its bill")
    accelerators: Accelerators | None = None
    price: Price | None = Field(None, description="null: unknown")
    started: Utc
    started_source: StartedSource = "process"
    attempt: int | None = Field(None, ge=1, description="which machine of the same task, from 1; null: not known")
    phases: tuple[Phase, ...] = Field((), description="before the first run; seconds after `started`")
    tags: dict[str, str] = Field(default_factory=dict)

    def key(self) -> str:
        """`v1/leases/<id>/opened.json`."""
        return lease_key(self.id, "opened")


class LeaseClosed(Document):
    """The same machine given back. `id` is the lease's id."""

    kind: Literal["lease-closed"] = "lease-closed"
    stopped: Utc
    stopped_source: StoppedSource = "process"
    reason: CloseReason = "finished"

    def key(self) -> str:
        """`v1/leases/<id>/closed.json`."""
        return lease_key(self.id, "closed")


def lease_key(lease_id: str, edge: LeaseEdge) -> str:
    """The key of the record that opens or closes a lease."""
    return f"v1/leases/{lease_id}/{edge}.json"
