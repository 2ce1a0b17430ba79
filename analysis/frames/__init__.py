"""Records as pandas frames: runs, and the machines they ran on.

Other packages import from here; leases joined to their bills are a module of their own.
"""

from __future__ import annotations

from analysis.frames.hosts import by_machine, machine_numbers, machines_of
from analysis.frames.like import like_rows
from analysis.frames.runs import (
    COLUMNS,
    Clock,
    attempt_costs,
    clock_of,
    counted,
    load,
    load_apart,
    runs_and_leases,
    runs_frame,
    target_words,
    tidy,
    train_costs,
    whole_runs,
)

__all__ = [
    "COLUMNS",
    "Clock",
    "attempt_costs",
    "by_machine",
    "clock_of",
    "counted",
    "like_rows",
    "load",
    "load_apart",
    "machine_numbers",
    "machines_of",
    "runs_and_leases",
    "runs_frame",
    "target_words",
    "tidy",
    "train_costs",
    "whole_runs",
]
