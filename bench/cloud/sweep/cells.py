"""The cells of a sweep: each is one machine to rent, on which all recipes of the sweep run in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

Pricing = Literal["on-demand", "spot"]

TASKS = Path("sky")


@dataclass(frozen=True)
class Cell:
    """One machine of a sweep. `cloud` is an `infra` of SkyPilot; None: whatever the task file allows.

    `task` is the machine's task file, relative to the working directory unless the sweep gives a full path.
    """

    sweep: str
    machine: str
    cloud: str | None = None
    spot: bool = False

    @property
    def name(self) -> str:
        """Such as `v100-aws-us-east-1-spot`: the same for the same words of a sweep file, unique within it."""
        return "-".join(_plain(word) for word in (self.task.stem, self.cloud, "spot" if self.spot else None) if word)

    @property
    def cluster(self) -> str:
        """What SkyPilot calls the machine: `bench-<sweep>-<cell>`."""
        return f"bench-{self.sweep}-{self.name}"

    @property
    def task(self) -> Path:
        """`sky/<machine>.yaml`, or the file that the machine names itself."""
        named = Path(self.machine)
        return named if len(named.parts) > 1 or named.suffix else TASKS / f"{self.machine}.yaml"


def cells(sweep: str, machines: Sequence[str], clouds: Sequence[str], pricing: Sequence[Pricing]) -> Iterator[Cell]:
    """Every machine on every cloud at every pricing, in the order of the words; no cloud is the task file's choice."""
    for machine, cloud, kind in product(machines, clouds or (None,), pricing):
        yield Cell(sweep, machine, cloud, spot=kind == "spot")


def _plain(word: str) -> str:
    """`word` as a cluster's name may hold it."""
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
