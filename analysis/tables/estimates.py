"""Estimates over the runs of a row, beside the median time: means, successes, what a clock leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.frames import Clock, by_machine, machine_numbers
from analysis.stats import Interval, exact_mean, mean_interval, to_first_success


def success_of(runs: pd.DataFrame, clock: Clock) -> tuple[float | None, Interval | None]:
    """The seconds of a success and their interval; None where no run hit, or what one of them took is unknown."""
    spent, hits = runs[f"{clock}_attempt_s"].to_numpy(float), runs["hit"].to_numpy(bool)
    if not hits.any() or np.isnan(spent).any() or not spent.any():
        return None, None
    return to_first_success(spent, hits, machine_numbers(runs))


def left_out_of(runs: pd.DataFrame, clock: Clock) -> float | None:
    """The median of what the clock leaves out of the times; None where there is none, or one of them is unknown."""
    if clock == "published":  # what its author tells of that is in its notes
        return None
    seconds = runs[f"{clock}_left_out_s"].to_numpy(float)[runs[f"{clock}_s"].notna().to_numpy()]
    return float(np.median(seconds)) if len(seconds) and not np.isnan(seconds).any() else None


def mean_of(runs: pd.DataFrame, column: str) -> tuple[float | None, Interval | None]:
    """The mean of what is known in a column of `runs`, and its interval."""
    known = runs[column].dropna()
    values = known.to_numpy(float)
    return (exact_mean(values) if len(values) else None), mean_interval(values, by_machine(runs, known))
