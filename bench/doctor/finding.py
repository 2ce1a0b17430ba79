"""A finding of the doctor: what was checked, its state, and the remedy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench.lease import MachineOptions

# What is to be done here: `bench run` and `bench estimate`, `bench exec`, reading records, renting machines.
Purpose = Literal["run", "exec", "report", "sweep"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
State = Literal["ok", "note", "fails"]
# How a remedy installs a package into the environment that bench runs in.
INSTALL = f"{sys.executable} -m pip install"


@dataclass(frozen=True)
class Context:
    """The question to the doctor: would `purpose` work, with the records of `store` and the images in `data`?

    `store`, `data` and `machine` are as the options of a run have them.
    """

    purpose: Purpose = "run"
    store: str = "results/local"
    data: str | None = None
    machine: MachineOptions = field(default_factory=MachineOptions)


@dataclass(frozen=True)
class Finding:
    """The state of one thing. `remedy` is empty if nothing is to be done; `fails`: the command would fail."""

    name: str
    found: str
    remedy: str = ""
    fails: bool = False

    @property
    def state(self) -> State:
        """`fails`, `note` where something could be better, or `ok`."""
        if self.fails:
            return "fails"
        return "note" if self.remedy else "ok"

    @classmethod
    def of_error(cls, name: str, error: Exception) -> Finding:
        """The finding for an error of ours, whose message says what is wrong and, behind a semicolon, what to do."""
        found, _, remedy = str(error).partition("; ")
        return cls(name, found, remedy.removeprefix("or ") or "see docs/commands.md", fails=True)
