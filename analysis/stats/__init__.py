"""Statistics: intervals of one sample, differences between two, and types of machine. Pure functions of numbers.

Other packages import from here; the power of a planned comparison, which is a table too, is a module of its own.
"""

from __future__ import annotations

from analysis.stats.intervals import (
    BOOTSTRAP_FROM,
    BOOTSTRAP_UNTIL,
    LEVEL,
    MEDIAN_FROM,
    POWER,
    TAIL,
    Interval,
    difference_of_shares,
    paired_ratio,
    ratio_of_estimates,
    ratio_of_medians,
    too_few,
    visible_difference,
    wilson,
)
from analysis.stats.machines import (
    RESAMPLED_FROM,
    TYPE_FROM,
    median_of,
    paired_ratio_of_types,
    ratio_of_types,
    ratio_on_machines,
)
from analysis.stats.means import (
    SUCCESS_FROM,
    Machines,
    difference_of_means,
    exact_mean,
    mean_interval,
    share,
    to_first_success,
)

__all__ = [
    "BOOTSTRAP_FROM",
    "BOOTSTRAP_UNTIL",
    "LEVEL",
    "MEDIAN_FROM",
    "POWER",
    "RESAMPLED_FROM",
    "SUCCESS_FROM",
    "TAIL",
    "TYPE_FROM",
    "Interval",
    "Machines",
    "difference_of_means",
    "difference_of_shares",
    "exact_mean",
    "mean_interval",
    "median_of",
    "paired_ratio",
    "paired_ratio_of_types",
    "ratio_of_estimates",
    "ratio_of_medians",
    "ratio_of_types",
    "ratio_on_machines",
    "share",
    "to_first_success",
    "too_few",
    "visible_difference",
    "wilson",
]
