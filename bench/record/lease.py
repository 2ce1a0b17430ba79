"""The documents of a lease: a machine opened, with its price, and closed again; what its provider charged for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, model_validator

from bench.record.base import Document, Money, Part, Phase, Utc, derived_id
from bench.sealed import canonical_json

NODES_TAG = "bench-nodes"  # of a lease of several machines: how many
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
ChargeCategory = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]  # FOCUS's words
BillSource = Literal["focus", "cur2", "azure", "runpod", "cost-explorer"]  # the one that says most first
JoinedBy = Literal["resource-id", "tag"]
# lease-open: no record says when the lease ended. period-not-covered: the charges end before the lease does.
# not-final: the provider can still change the charges. row-unreadable: a row of it was malformed and left out.
Partial = Literal["lease-open", "period-not-covered", "not-final", "row-unreadable"]
_UNKNOWN = datetime.min.replace(tzinfo=UTC)  # before any time that is known
_EXACT = 80  # digits: more than a sum of costs has
# A credit or a refund is below zero, so this is not Money. No sum of charges comes near the bounds.
_MOST = 10**40
Charged = Annotated[Decimal, Field(gt=-_MOST, lt=_MOST, allow_inf_nan=False), PlainSerializer(str, when_used="json")]
_COSTS = ("billed_cost", "effective_cost", "list_cost")


class Price(Part):
    """What one hour of a machine (or of one GPU) costs, as known when the lease began."""

    amount: Money
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")
    unit: PriceUnit = "machine-hour"
    pricing_category: PricingCategory = "Standard"
    source: str = Field(min_length=1)
    seen: date = Field(description="the day the price was read")


def of_machine(amount: Decimal, unit: PriceUnit, accelerators: int | None) -> Decimal | None:
    """`amount` for one `unit`, as an hour of a machine with that many accelerators; None: they are not known."""
    if unit == "machine-hour":
        return amount
    return None if accelerators is None else amount * accelerators


class Accelerators(Part):
    """The accelerators of a machine."""

    name: str
    count: int = Field(ge=1)

    @classmethod
    def parse(cls, text: str) -> Accelerators:
        """Accelerators from SkyPilot's notation: `V100:8`, or `V100` for one. Raises ValueError."""
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


def of_nodes(lease: LeaseOpened, nodes: int) -> LeaseOpened:
    """The lease of `nodes` machines of which `lease` is one: they are paid for side by side."""
    if nodes == 1:
        return lease
    price, gpus = lease.price, lease.accelerators
    if price is not None:
        # A price of a GPU counts the GPUs, which are all of them below.
        amount = price.amount * nodes if price.unit == "machine-hour" or gpus is None else price.amount
        price = price.model_copy(update={"amount": amount, "source": f"{price.source}, {nodes} nodes"})
    return lease.model_copy(
        update={
            "price": price,
            "accelerators": gpus and gpus.model_copy(update={"count": gpus.count * nodes}),
            "tags": lease.tags | {NODES_TAG: str(nodes)},
        }
    )


class LeaseClosed(Document):
    """The machine of a lease given back. `id` is the lease's id."""

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


class Charge(Part):
    """Charges of one kind for one resource, summed over the bill's charge period."""

    description: str
    category: ChargeCategory
    pricing_category: PricingCategory | Literal["Other"] | None = None
    commitment: str | None = Field(None, description="the savings plan or reservation that covers it")
    resource_id: str | None = Field(None, description="the provider's name for it, without account or project")
    billed_cost: Charged
    effective_cost: Charged | None = None
    list_cost: Charged | None = None
    quantity: Charged | None = Field(None, description="consumed, in `unit`")
    unit: str | None = None
    rows: int = Field(ge=1, description="rows of the source that were summed")


class Bill(Document):
    """What was charged for the lease `lease_id` in the billing period that begins at `billing_period_start`.

    `id` follows from the content. A later export that says something else is another record of the same lease and
    period; `current_bills` tells which of them counts.
    """

    kind: Literal["bill"] = "bill"
    lease_id: str
    provider: str
    source: BillSource
    joined_by: JoinedBy
    billing_period_start: Utc
    charge_period_start: Utc = Field(description="of the first charge")
    charge_period_end: Utc = Field(description="of the last charge, which it does not hold")
    charged_until: Utc | None = Field(None, description="up to where the source charged usage when it was read")
    exported: Utc | None = Field(None, description="when the export that it was read from was made; null: not known")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="the billing currency, ISO 4217")
    charges: tuple[Charge, ...] = Field(min_length=1)
    billed_cost: Charged = Field(description="the sum over the charges")
    effective_cost: Charged | None = Field(None, description="the same, where every charge has one")
    list_cost: Charged | None = Field(None, description="the same, where every charge has one")
    partial: tuple[Partial, ...] = Field((), description="why more may follow; none: the bill is complete")

    @model_validator(mode="after")
    def _adds_up(self) -> Bill:
        if self.charge_period_end <= self.charge_period_start:
            raise ValueError("the charge period ends before it begins")
        if any(getattr(self, cost) != total(self.charges, cost) for cost in _COSTS):
            raise ValueError("the costs are not the sums over the charges")
        if self.id != _id_of(self):
            raise ValueError("the id is not that of the content; see bench.record.lease.make_bill")
        return self

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be expected for this period."""
        return not self.partial

    def key(self) -> str:
        """`v1/bills/<id>.json`."""
        return f"v1/bills/{self.id}.json"


def make_bill(*, charges: Iterable[Charge], **fields: Any) -> Bill:
    """The bill of `charges`, with its sums and its id. Raises ValidationError where a field does not fit."""
    kept = tuple(charges)
    fields |= {"charges": kept} | {cost: total(kept, cost) for cost in _COSTS}
    return Bill(id=_id_of(Bill.model_construct(**fields)), **fields)


def current_bills(bills: Iterable[Bill]) -> list[Bill]:
    """The bill that counts for each lease, billing period, currency and source, in the order of those.

    The one of the later export, for a provider can correct charges downwards too, unless it covers less: the lease or
    a row of it is missing, or the source's charges did not go as far when it was read.
    """
    best: dict[tuple[str, ...], Bill] = {}
    for bill in bills:
        place = (bill.lease_id, bill.billing_period_start.isoformat(), bill.currency, bill.source)
        if place not in best or _weight(bill) > _weight(best[place]):
            best[place] = bill
    return [best[place] for place in sorted(best)]


def total(charges: Iterable[Charge], cost: str) -> Decimal | None:
    """The sum of one cost over `charges`; None, unknown, where one of them lacks it."""
    return sum_known(getattr(charge, cost) for charge in charges)


def sum_known(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of `values`; None, unknown, where one of them is."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    with localcontext(prec=_EXACT):  # a rounded sum would depend on the order
        return sum(known, Decimal(0)) if len(known) == len(listed) else None


def _weight(bill: Bill) -> tuple[Any, ...]:
    rows = sum(charge.rows for charge in bill.charges)
    whole = not set(bill.partial) - {"not-final"}
    reach, exported = bill.charged_until or bill.charge_period_end, bill.exported or _UNKNOWN
    return whole, reach, exported, bill.complete, bill.charge_period_end, rows, bill.id


def _id_of(bill: Bill) -> str:
    # Defaults are left out, so that a field added later does not change the ids of older bills.
    content = bill.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
    return derived_id(bill.charge_period_start.date(), hashlib.sha256(canonical_json(content)).hexdigest())
