"""The documents of what others published: one training, or several runs of one setting, each on its author's clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Document, MetricTarget, Money, Part, PhaseName, Target, derived_id
from bench.record.lease import Price, of_machine
from bench.record.policy import COUNTED, Policy


class CurvePoint(Part):
    """One line of a published training log."""

    epoch: float = Field(ge=0, description="as published: counted from 0 or from 1, or with a fraction")
    seconds: float = Field(ge=0, description="on the entry's own clock")
    accuracy: float = Field(ge=0, le=1)


class Published(Document):
    """One training as its author published it: the author's clock, and the price of that day.

    `id` follows from `submitted` and `source_file`, so that an entry read twice is the same record.
    """

    kind: Literal["published"] = "published"
    source: str = Field(min_length=1, description="the collection that the entry comes from")
    source_file: str = Field(min_length=1, description="the entry's file in that collection")
    author: str
    model: str
    framework: str
    hardware: str = Field(description="free text")
    submitted: date
    target: Target
    time_to_target_s: float | None = Field(None, ge=0, description="null: the target was never reached")
    epoch_at_target: float | None = Field(None, ge=0, description="numbered as the entry numbers them")
    accuracy_at_target: float | None = Field(None, ge=0, le=1)
    best_accuracy: float = Field(ge=0, le=1)
    cost_per_hour: Money | None = None
    cost: Money | None = Field(None, description="of the time to the target")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO 4217")
    code_url: str | None = None
    curve: tuple[CurvePoint, ...] = Field((), description="the log, where the entry has one")

    @model_validator(mode="after")
    def _one_id(self) -> Published:
        if self.id != derived_id(self.submitted, self.source_file):
            raise ValueError("the id is not that of the day and the file; see bench.record.documents.derived_id")
        return self

    @model_validator(mode="after")
    def _reached(self) -> Published:
        reached = (self.time_to_target_s, self.epoch_at_target, self.accuracy_at_target)
        if len({value is None for value in reached}) > 1:
            raise ValueError("time, epoch and accuracy at the target are known together or not at all")
        found = self.accuracy_at_target
        if found is not None and not self.target.at_least <= found <= self.best_accuracy:
            raise ValueError("the accuracy at the target lies below the target or above the best one")
        return self

    @model_validator(mode="after")
    def _follows_its_curve(self) -> Published:
        if any(later.seconds < earlier.seconds for earlier, later in pairwise(self.curve)):
            raise ValueError("the curve goes back in time")
        hit = next((point for point in self.curve if point.accuracy >= self.target.at_least), None)
        if self.curve and self.time_to_target_s != (hit.seconds if hit else None):
            raise ValueError("the time to the target is not that of the curve")
        return self

    def key(self) -> str:
        """`v1/published/<id>.json`."""
        return f"v1/published/{self.id}.json"


# A sum of phases may pass the whole by this share, and by these seconds: authors round.
_ROUNDING = 1e-3
# Beyond these, sums and squares of what somebody wrote down would overflow before a table says anything.
_LONGEST_S, _MOST, _MOST_UNITS = 1e9, 1e100, 1_000_000


class PublishedRun(Part):
    """One run of a published series."""

    seed: int | None = Field(None, ge=0, lt=2**63)
    machine: int | None = Field(None, ge=0, description="its machine, numbered as they appear; null: not told")
    completed: bool = Field(True, description="false: it was an attempt that did not come to its end")
    seconds: float | None = Field(None, ge=0, le=_LONGEST_S, description="on its author's clock; null: not known")
    value: float | None = Field(None, ge=-_MOST, le=_MOST, description="the target's metric at the end; null: unknown")
    phases: dict[PhaseName, float] = Field(
        default_factory=dict, description="seconds of the phases that are told apart, on the clock or off it"
    )

    @model_validator(mode="after")
    def _of_time(self) -> PublishedRun:
        if not all(0 <= seconds <= _LONGEST_S for seconds in self.phases.values()):
            raise ValueError(f"a phase takes less than 0 s, or more than {_LONGEST_S:g}")
        if self.completed and (self.seconds is None or self.value is None):
            raise ValueError("a run that completed has its time and its value")
        return self


class PublishedRuns(Document):
    """Runs of one setting on one type of machine, as their author published them.

    A result imported anew with other content is another record of the same place; `current_published` tells which
    counts.
    """

    kind: Literal["published-runs"] = "published-runs"
    source: str = Field(min_length=1, description="the collection that they come from")
    source_file: str = Field(min_length=1, description="the file or folder in that collection")
    author: str | None = None
    name: str = Field(min_length=1, description="what ran")
    framework: str | None = None
    hardware: str = Field(min_length=1, description="one accelerator, or the machine, by its author's name for it")
    accelerators: int | None = Field(None, ge=1, le=_MOST_UNITS, description="of one machine; null: not told")
    availability: str | None = Field(None, description="whether anybody can rent or buy it, in MLPerf's words")
    nodes: int = Field(1, ge=1, le=_MOST_UNITS, description="machines that one run uses together")
    measured_on: date | None = Field(None, description="the day of the first run")
    target: MetricTarget
    counts: tuple[PhaseName, ...] = Field(min_length=1, description="the phases that the seconds hold")
    clock: Policy | None = Field(None, description="the clock policy that it is; null: its author's own")
    scaling: float | None = Field(None, gt=0, description="what MLPerf multiplies the score by, where it does")
    price: Price | None = Field(None, description="of one machine, or of one accelerator; null: unknown")
    runs: tuple[PublishedRun, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_clock(self) -> PublishedRuns:
        if len(set(self.counts)) < len(self.counts):
            raise ValueError("a phase is counted twice")
        for number, run in enumerate(self.runs, start=1):
            counted = [run.phases[name] for name in self.counts if name in run.phases]
            if run.seconds is not None and sum(counted) > run.seconds * (1 + _ROUNDING) + _ROUNDING:
                raise ValueError(f"run {number}: the phases that are counted take longer than the run")
        return self

    @property
    def label(self) -> str:
        """What tables and `bench compare` call it: `Cisco: llama2_70b_lora`."""
        return f"{self.author}: {self.name}" if self.author else self.name

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is a record of: another record of the same place takes its place."""
        return self.source, self.source_file, self.name

    @property
    def machine(self) -> str:
        """What one run runs on: `8 x NVIDIA H200`."""
        together = self.nodes * (self.accelerators or 1)
        return self.hardware if together == 1 else f"{together} x {self.hardware}"

    @property
    def hourly(self) -> Decimal | None:
        """What an hour of all that one run uses costs, in the price's currency; None: unknown."""
        one = of_machine(self.price.amount, self.price.unit, self.accelerators) if self.price else None
        return None if one is None else one * self.nodes

    @property
    def machines(self) -> int | None:
        """How many machines, or groups of `nodes`, the runs were spread over; None: not told of all of them."""
        known = {run.machine for run in self.runs}
        return None if None in known else len(known)

    def hit(self, run: PublishedRun) -> bool:
        """Whether `run` reached the target."""
        return run.completed and run.value is not None and self.target.reached(run.value)

    def seconds_under(self, run: PublishedRun, policy: Policy) -> float | None:
        """The run's time under a clock policy, s; None where what its author tells does not say.

        The author's own time, with the phases that the policy counts as well added, and those that it does not count
        taken off. A policy that stops at the target has none for a run that missed it.
        """
        if not run.completed or run.seconds is None:
            return None
        if self.clock:
            return run.seconds if policy == self.clock and self.hit(run) else None
        counted, wanted = set(self.counts), COUNTED.get(policy)
        if wanted is None:
            return None
        more, less = wanted - counted, counted - wanted
        if not more | less <= run.phases.keys() or (policy != "airbench" and not self.hit(run)):
            return None
        return run.seconds + sum(run.phases[name] for name in more) - sum(run.phases[name] for name in less)

    def same_as(self, other: PublishedRuns) -> bool:
        """Whether the two say the same, whenever they were imported, and whenever their price was seen."""
        return _timeless(self) == _timeless(other)

    def same_runs_as(self, other: PublishedRuns) -> bool:
        """Whether they are of the same runs, whatever else was said of them: as many, with the same times."""
        return [run.seconds for run in self.runs] == [run.seconds for run in other.runs]

    def key(self) -> str:
        """`v1/published/<id>.json`."""
        return f"v1/published/{self.id}.json"


def _timeless(series: PublishedRuns) -> PublishedRuns:
    price = series.price and series.price.model_copy(update={"seen": date.min})
    return series.model_copy(update={"id": "", "price": price})


def current_published(documents: Iterable[object]) -> list[PublishedRuns]:
    """The published runs among `documents`, by label and machine; of each place the one imported last."""
    newest: dict[tuple[str, ...], PublishedRuns] = {}
    for document in documents:
        if isinstance(document, PublishedRuns):
            known = newest.get(document.place)
            if known is None or known.id < document.id:
                newest[document.place] = document
    return sorted(newest.values(), key=lambda each: (each.label, each.machine, each.id))
