"""What a sweep would rent, for how long and for how many dollars, before anything is spent.

A cell's dollars are the estimate of the lease that it would be (`bench.billing.estimate`), billing rule and parts
included; without a known rule they are time x price, and it is said. Where a price or a time is unknown, so are the
dollars: they are counted, and never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heapreplace
from itertools import chain
from math import ceil
from typing import NamedTuple

from bench.billing import Answer, Estimate, Failure, Offer, Query, gpu_or_cloud_meant, ranked
from bench.billing.offers.sources import collect, sources
from bench.sweep.planning.cost import (
    CellPhase,
    WholeRun,
    cell_phases,
    planned_cost,
    program_on,
    programs_of,
    time_of_program,
    whole_run,
)
from bench.sweep.planning.duration import CellTime, History, HitRate, time_of_cell
from bench.sweep.planning.fitting import choices
from bench.sweep.spec import Cell, Sweep
from bench.sweep.task_file import ResourceRequest, Task, envs_of, have_skypilot_read, task_of
from bench.variables import misspelt

_PATIENCE_S = 40.0  # a plan without SkyPilot's prices is less useful than a later one


@dataclass(frozen=True)
class CellPlan:
    """The plan of one cell.

    `offer` is what it would rent, all `nodes` together: the cheapest that fits, of an ordered list the cheapest of its
    first machine; None if no source has a price. `dearest` is the most expensive that may be rented in its place.
    `gpu` and `gpus` are those of one machine; None and 0 of one without.

    `time` and `cost` are expected, None if unknown, and `why` says why. `most` is the upper bound of the cost, that of
    `dearest`, and `most_s` that of the time, s; unknown if any machine's is that may be rented instead. `whole` is a
    run to the end of a sampled program.
    """

    cell: Cell
    gpu: str | None
    gpus: int
    offer: Offer | None
    runs: int
    hit_rate: HitRate | None
    time: CellTime | None = None
    cost: Estimate | None = None
    most: Estimate | None = None
    why: str | None = None
    dearest: Offer | None = None
    most_s: float | None = None
    nodes: int = 1
    whole: WholeRun | None = None

    @property
    def phases(self) -> tuple[CellPhase, ...]:
        """Its time and dollars by phase, at the price of `offer`; none if the time is unknown."""
        return cell_phases(self.offer, self.time) if self.time else ()

    @property
    def dollars(self) -> Decimal | None:
        """The expected cost of the whole cell, without the unpriced parts."""
        return self.cost.amount if self.cost else None

    @property
    def most_dollars(self) -> Decimal | None:
        """The upper bound of the cost of the whole cell."""
        return self.most.amount if self.most else None

    @property
    def per_success(self) -> Decimal | None:
        """Dollars for each run that hits, at the rate of the recorded runs; None without a rate, or at 0."""
        if self.dollars is None or self.hit_rate is None or not self.hit_rate.hits:
            return None
        return self.dollars * self.hit_rate.runs / (self.hit_rate.hits * self.runs)

    @property
    def per_run(self) -> Decimal | None:
        """Dollars for each run: the least that a success can cost."""
        return None if self.dollars is None else self.dollars / self.runs


@dataclass(frozen=True)
class Plan:
    """All cells, the cheapest first and unknown dollars last, and the sources of prices that failed.

    `misspelt` are variables that are given and none of bench's, each with the one that may be meant.
    """

    sweep: Sweep
    cells: tuple[CellPlan, ...]
    failures: tuple[Failure, ...]
    misspelt: Mapping[str, str]

    @property
    def unknown(self) -> int:
        """Cells whose dollars are unknown."""
        return sum(cell.dollars is None for cell in self.cells)

    @property
    def dollars(self) -> Decimal | None:
        """The expected cost of all other cells; None if there are none."""
        return _sum(cell.dollars for cell in self.cells)

    @property
    def most_dollars(self) -> Decimal | None:
        """The upper bound of these costs; None if that of one cell is unknown."""
        known = [cell for cell in self.cells if cell.dollars is not None]
        return None if any(cell.most_dollars is None for cell in known) else _sum(cell.most_dollars for cell in known)

    @property
    def seconds(self) -> float | None:
        """Seconds until the last cell is done, with the sweep's `parallel`; None if one is unknown."""
        expected = {each.cell: each.time.expected for each in self.cells if each.time}
        if len(expected) < len(self.cells):
            return None
        ends = [0.0] * (self.sweep.parallel or len(self.cells))
        for cell in self.sweep.cells():  # each begins when the first slot is free
            heapreplace(ends, ends[0] + expected.get(cell, 0.0))
        return max(ends)

    @property
    def most_seconds(self) -> float | None:
        """The upper bound of these seconds; None if that of one cell is unknown."""
        known = [cell.most_s for cell in self.cells if cell.most_s is not None]
        rounds = ceil(len(self.cells) / (self.sweep.parallel or len(self.cells)))
        return rounds * max(known) if len(known) == len(self.cells) else None

    @property
    def keeps_cost(self) -> bool | None:
        """Whether the upper bound is within `max_cost`. None: there is no limit, or no known bound."""
        if self.sweep.max_cost is None:
            return None
        if self.most_dollars is not None and self.most_dollars > self.sweep.max_cost:
            return False
        return None if self.unknown or self.most_dollars is None else True

    @property
    def keeps_duration(self) -> bool | None:
        """Whether the upper bound is within `max_duration`. None: there is no limit, or no known bound."""
        if self.sweep.max_duration is None:
            return None
        most = self.most_seconds
        known = max((cell.most_s for cell in self.cells if cell.most_s is not None), default=0.0)
        if (known if most is None else most) > self.sweep.max_duration.total_seconds():
            return False
        return None if most is None else True


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def ask_all(query: Query, *, offline: bool) -> Answer:
    """Prices of all sources; if `offline`, those included in `bench`."""
    return collect(query, sources(query, offline=offline), _PATIENCE_S)


def plan_sweep(sweep: Sweep, history: History, ask: Callable[[Query], Answer]) -> Plan:
    """What the sweep would rent at the prices that `ask` finds, such as `ask_all`.

    Raises UsageError for a task file that cannot be planned. A source of prices that fails is named in the plan.
    """
    have_skypilot_read(sweep.cells())
    tasks = {cell: task_of(cell, sweep.envs, sweep.recipes) for cell in sweep.cells()}
    answers = _answers(tasks, ask)
    cells = [_spelled(_cell(sweep, cell, task, answers[cell], history), task) for cell, task in tasks.items()]
    cells.sort(key=lambda cell: (cell.dollars is None, cell.dollars or 0))
    failures = dict.fromkeys(failure for answer in answers.values() for failure in answer.failures)
    given = {name: value for cell in tasks for name, value in envs_of(cell, sweep.envs).items()}
    return Plan(sweep, tuple(cells), tuple(failures), misspelt(given))


def _answers(tasks: Mapping[Cell, Task], ask: Callable[[Query], Answer]) -> dict[Cell, Answer]:
    """The prices for each cell. Identical queries are made once."""
    queries = {cell: _queries(cell, task) for cell, task in tasks.items()}
    answers = {query: ask(query) for query in dict.fromkeys(chain.from_iterable(queries.values()))}
    return {
        cell: Answer(
            [offer for query in of_cell for offer in answers[query].offers],
            [failure for query in of_cell for failure in answers[query].failures],
        )
        for cell, of_cell in queries.items()
    }


def _queries(cell: Cell, task: Task) -> list[Query]:
    """One query per region: sources return the cheapest region of each machine unless asked for another."""
    return [
        Query(spot=cell.spot, region=region) for region in dict.fromkeys(machine.region for machine in task.requests)
    ]


def _cell(sweep: Sweep, cell: Cell, task: Task, answer: Answer, history: History) -> CellPlan:
    allowed = choices(cell, task, answer)
    # The first of an ordered list is what SkyPilot requests, priced or not.
    first_choice = [offer for choice in (allowed[:1] if task.ordered else allowed) for offer in choice.offers]
    offer = min(ranked(first_choice), key=lambda offer: offer.hourly or 0, default=None)
    machine = _machine(offer) if offer else _machine(allowed[0].request)
    seen = program_on(machine.gpu, machine.gpus * task.nodes, programs_of(sweep, history))
    found = CellPlan(
        cell,
        machine.gpu,
        machine.gpus,
        offer,
        sweep.runs * len(sweep.names),
        history.hit_rate(sweep.recipes[0], machine.gpu, task.ranks) if len(sweep.recipes) == 1 else None,
        nodes=task.nodes,
        whole=whole_run(sweep, seen, offer, machine.provider, history, task) if sweep.steps else None,
    )
    time = _time_on(machine, sweep, task, history)
    if isinstance(time, str):
        return replace(found, why=time)
    bounds = [(each, _time_on(_machine(each), sweep, task, history)) for choice in allowed for each in choice.offers]
    unpriced = [choice for choice in allowed if not choice.offers]
    others = [_time_on(_machine(each.request), sweep, task, history) for each in unpriced]
    found = replace(found, time=time, most_s=_longest([long for _, long in bounds] + others))
    if offer is None:
        return replace(found, why=unpriced[0].why)
    cost = planned_cost(offer, time, task.disk_gb, upper=False, machines=task.nodes)
    dearest, most = max(
        (
            (each, planned_cost(each, long, task.disk_gb, upper=True, machines=task.nodes))
            for each, long in bounds
            if isinstance(long, CellTime)
        ),
        key=lambda bound: bound[1].amount or 0,
    )
    if cost.amount is None:
        most = cost
    elif unpriced:
        most = Estimate(why=unpriced[0].why)
    elif found.most_s is None:
        most = Estimate(why="no time is known for some of the machines of its file")
    return replace(found, cost=cost, most=most, why=cost.why, dearest=dearest)


def _spelled(planned: CellPlan, task: Task) -> CellPlan:
    """The same; where the dollars are unknown, perhaps as a GPU or a cloud is misspelt, with the name that is near."""
    if planned.dollars is not None:
        return planned
    near = filter(None, (gpu_or_cloud_meant(request.gpu, request.provider) for request in task.requests))
    return replace(planned, why="; ".join(filter(None, (planned.why, *dict.fromkeys(near)))))


class _Machine(NamedTuple):
    """What the time of a cell depends on: its GPU, None for none, how many, and the provider, empty if unknown."""

    gpu: str | None
    gpus: int
    provider: str


def _machine(known: Offer | ResourceRequest) -> _Machine:
    if isinstance(known, Offer):
        return _Machine(known.accelerators.name, known.accelerators.count, known.provider)
    return _Machine(known.gpu, known.gpus, known.provider or "")


def _time_on(machine: _Machine, sweep: Sweep, task: Task, history: History) -> CellTime | str:
    """The time of a cell on that machine, or why it is unknown."""
    if sweep.program:
        seen = program_on(machine.gpu, machine.gpus * task.nodes, programs_of(sweep, history))
        return time_of_program(sweep, seen, machine.provider, history, task.idle_s)
    if machine.gpu is None:
        return "neither time nor price is known for a machine without a GPU"
    return time_of_cell(sweep.recipes, sweep.runs, machine.gpu, task.ranks, machine.provider, history, task.idle_s)


def _longest(times: Sequence[CellTime | str]) -> float | None:
    """The longest upper bound in seconds; None if one is unknown."""
    known = [time.upper for time in times if isinstance(time, CellTime)]
    return max(known) if len(known) == len(times) else None
