"""How many machines and runs it takes to show that two machine types differ, before any is rented."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import NamedTuple

from analysis.stats.intervals import LEVEL, POWER, power_of
from analysis.stats.machines import TYPE_FROM, variance_of_median
from bench.errors import UsageError
from bench.text import Column, Table, one_line

# Standard deviations of the logarithms of times: 200 runs in 24 rented containers with an A100 each, 2026.
BETWEEN, WITHIN = 0.0117, 0.0034
SOURCE = "github.com/fulcrumresearch/cifar-10-speedrun"
RUNS = (1, 2, 3, 5, 10)
_MOST_MACHINES = 1000


class Question(NamedTuple):
    """Whether the times of types `a` and `b` differ by `share` (0.05 is 5 %).

    Their names may be any words: the spreads are the same for all types.
    """

    a: str
    b: str
    share: float


class Needed(NamedTuple):
    """An answer: so many machines of each type, with so many runs on each."""

    runs: int
    machines: int

    @property
    def all_runs(self) -> int:
        """Runs on the machines of both types."""
        return 2 * self.machines * self.runs


def question(text: str) -> Question:
    """`H100 v A100 5%` as a question. Raises UsageError for what is none."""
    found = re.fullmatch(r"\s*(\S.*?)\s+vs?\.?\s+(\S.*?)\s+(\d{1,3}(?:\.\d{1,3})?)\s*%\s*", text, re.ASCII)
    if found is None or not float(found[3]):
        raise UsageError(f"--power: {one_line(text)!r} needs two GPU types and a difference, such as 'H100 v A100 5%'")
    return Question(one_line(found[1]), one_line(found[2]), float(found[3]) / 100)


def needed(share: float, runs: int) -> int | None:
    """Machines of each type on which `runs` runs each show a difference of `share`, with the chance POWER.

    None: over 1,000. Machines, and the medians of their runs, spread by BETWEEN and WITHIN.
    """
    spread = math.hypot(BETWEEN, WITHIN * math.sqrt(variance_of_median(runs)))
    enough = (
        m for m in itertools.count(TYPE_FROM) if m > _MOST_MACHINES or power_of(m, math.log1p(share), spread) >= POWER
    )
    machines = next(enough)
    return machines if machines <= _MOST_MACHINES else None


def answers(asked: Question) -> list[Needed]:
    """What each of RUNS a machine takes. Raises UsageError where no number of machines in reach does."""
    found = [Needed(runs, machines) for runs in RUNS if (machines := needed(asked.share, runs)) is not None]
    if not found:
        raise UsageError(
            f"{100 * asked.share:g} %: over {_MOST_MACHINES:,} machines of each; ask for a larger difference"
        )
    return found


def power_table(asked: Question) -> Table[Needed]:
    """A row a number of runs on a machine."""
    columns: tuple[Column[Needed], ...] = (
        Column("runs per machine", lambda row: str(row.runs)),
        Column("machines of each type", lambda row: str(row.machines)),
        Column("total runs", lambda row: str(row.all_runs)),
    )
    return Table(
        title=f"{asked.a} against {asked.b}: what it takes to show a difference of {100 * asked.share:g} % in time",
        columns=columns,
        items=answers(asked),
        footnotes=(
            f"shown: with a probability of {100 * POWER:g} % the {100 * LEVEL:g} % interval of the ratio excludes 1 "
            f"(Welch's t of the machines' medians). At least {TYPE_FROM} machines: fewer say nothing about a type.",
            f"assumed: both types, whatever their names, spread as A100s did, {100 * BETWEEN:.2f} % between machines "
            f"and {100 * WITHIN:.2f} % within one ({SOURCE}). More runs per machine help little: machines are the "
            "sample.",
        ),
    )


def power_json(asked: Question) -> str:
    """The rows of `power_table` as JSON, with the spreads that were assumed."""
    rows = [{"runs": row.runs, "machines": row.machines, "all_runs": row.all_runs} for row in answers(asked)]
    content = {**asked._asdict(), "power": POWER, "level": LEVEL, "between": BETWEEN, "within": WITHIN, "needed": rows}
    return json.dumps({"schema_version": 1, **content}, indent=2, ensure_ascii=False) + "\n"
