"""The part of a sweep file about a program: the user's task, and how far to run it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StrictInt, StrictStr

from bench.programs.job import parse_target


def _ranges(numbers: list[int]) -> str:
    """`numbers`, which are sorted, in short: 0,2-4."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


def _target(text: str) -> str:
    parse_target(text)
    return text


class OfProgram(BaseModel):
    """What a sweep contains in place of `recipes`: a SkyPilot task, whose set-up and run commands stay unchanged."""

    task: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        None, description="your own SkyPilot task file instead of recipes; its set-up and run commands stay unchanged"
    )
    steps: StrictInt | None = Field(None, ge=1, description="for a task: take a sample, stopped after this many steps")
    total_steps: StrictInt | None = Field(None, ge=1, description="for a task: steps of a whole run")
    target: Annotated[StrictStr, AfterValidator(_target)] | None = Field(
        None, description="for a task: METRIC <= VALUE or METRIC >= VALUE"
    )

    @property
    def program(self) -> str | None:
        """The name of the task: that of its file; None for a sweep of recipes."""
        return Path(self.task).stem if self.task else None

    @cached_property
    def task_sha256(self) -> str | None:
        """The hash of the task file, which identifies runs of the same task; None for a sweep of recipes.

        It is taken once: the file may be edited while its runs are made.
        """
        return hashlib.sha256(Path(self.task).read_bytes()).hexdigest() if self.task else None

    def program_words(self, runs: int, made: Collection[int], deadline: datetime | None) -> tuple[str, ...]:
        """The arguments of `bench.programs` that measure those of `runs` runs that are not `made`; none for recipes.

        At `deadline` the machine ends them by itself, however late it was rented.
        """
        if self.program is None:
            return ()
        options = {
            "--name": self.program,
            "--runs": runs,
            "--only": _ranges([index for index in range(runs) if index not in made]) if made else None,
            "--task-sha256": self.task_sha256,
            "--steps": self.steps,
            "--total-steps": self.total_steps,
            "--target": self.target,
            "--deadline": deadline and ceil(deadline.timestamp()),
        }
        return tuple(chain.from_iterable((name, str(value)) for name, value in options.items() if value is not None))
