"""Which offers fit a task file, for each machine that it permits, and why one of them has no price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bench.billing import STALE_AFTER, Answer, Offer, Query, ranked
from bench.sweep.planning.cost import CURRENCY
from bench.sweep.spec import Cell
from bench.sweep.task_file import ResourceRequest, Task


@dataclass(frozen=True)
class Choice:
    """One of the machines that a task file accepts, and the offers that fit it, each for all nodes together.

    Without offers `why` says so; `capped`: all that are known are above its `max_hourly_cost`, so that SkyPilot takes
    none of them.
    """

    request: ResourceRequest
    offers: tuple[Offer, ...]
    why: str | None = None
    capped: bool = False


def choices(cell: Cell, task: Task, answer: Answer) -> list[Choice]:
    """The machines that SkyPilot may rent for the cell, in the order of the file; all if each is above its cap."""
    every = [_choice(cell, task, answer, request) for request in task.requests]
    return [choice for choice in every if not choice.capped] or every


def _choice(cell: Cell, task: Task, answer: Answer, request: ResourceRequest) -> Choice:
    offers = tuple(_fitting(cell, answer, request))
    if offers:
        return Choice(request, tuple(_of_nodes(offer, task.nodes) for offer in offers))
    kind = "spot" if cell.spot else "on-demand"
    which = f" for {_words(request)}" if len(task.requests) > 1 else ""
    uncapped = ranked(list(_fitting(cell, answer, replace(request, at_most=None))))
    lowest = min(uncapped, key=lambda offer: offer.hourly or 0, default=None)
    if lowest is None:
        # The cheapest with its GPU may be too small, and the prices of the others are not known.
        size = f", since no source has the {' and the '.join(request.sized)} of a machine" if request.sized else ""
        return Choice(request, (), f"no {kind} price known{which}{size}")
    why = (
        f"the lowest {kind} price{which}, {lowest.hourly} {CURRENCY}/h of {lowest.provider}:{lowest.instance_type}, "
        f"is above max_hourly_cost {request.at_most}"
    )
    return Choice(request, (), why, capped=True)


def _words(request: ResourceRequest) -> str:
    """Such as `8 x B300 at nebius`."""
    machine = f"{request.gpus} x {request.gpu}" if request.gpu else request.instance_type or "a machine without a GPU"
    where = "/".join(filter(None, (request.provider or ("*" if request.region else None), request.region)))
    return f"{machine} at {where}" if where else machine


def _of_nodes(offer: Offer, nodes: int) -> Offer:
    """The offer of that many of its machines together."""
    return offer if offer.amount is None or nodes == 1 else replace(offer, amount=offer.amount * nodes)


def _fitting(cell: Cell, answer: Answer, request: ResourceRequest) -> Iterator[Offer]:
    query = Query(spot=cell.spot, region=request.region)
    return _up_to_date([offer for offer in answer.offers if _fits(offer, request, query)])


def _fits(offer: Offer, machine: ResourceRequest, query: Query) -> bool:
    return (
        query.accepts(offer)
        and offer.hourly is not None
        and offer.currency == CURRENCY
        and not machine.sized
        and machine.provider in (None, offer.provider)
        # SkyPilot distinguishes spellings, except upper and lower case: Verda's RTX-PRO-6000 is not RTXPRO6000.
        and (machine.gpu is None or machine.gpu.casefold() == offer.accelerators.name.casefold())
        and machine.gpus in (0, offer.accelerators.count)
        and machine.instance_type in (None, offer.instance_type)
        and (machine.gpu is not None or machine.instance_type is not None)
        and (machine.at_most is None or offer.hourly <= machine.at_most)
    )


def _up_to_date(offers: Sequence[Offer]) -> Iterator[Offer]:
    """The offers without those whose machine also has a price seen a month later: it may have risen."""
    newest: dict[tuple[str, str], date] = {}
    for offer in offers:
        machine = offer.provider, offer.instance_type
        newest[machine] = max(newest.get(machine, offer.seen), offer.seen)
    yield from (offer for offer in offers if newest[offer.provider, offer.instance_type] - offer.seen <= STALE_AFTER)
