"""A random-effects fit: the centre of a population of machines, with its standard error.

Machine i shows centre + (its own deviation, variance tau^2) + (an error of variance error_i^2). tau^2 is that of Paule
and Mandel; the standard error and its degrees of freedom are those of Hartung, Knapp, Sidik and Jonkman, which hold for
few machines where the textbook's normal interval is too narrow. Equal errors make it Student's t of the machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from analysis.stats.intervals import student_reach, welch

# Below this variance what machines showed differs by rounding: no clock tells a millionth of a millionth.
_ROUNDING = 1e-24


class Fit(NamedTuple):
    """The centre, its standard error, the sd between machines, and the degrees of freedom of the error."""

    centre: float
    error: float
    between: float
    freedom: float

    @property
    def reach(self) -> float:
        """Half the width of the interval at LEVEL."""
        return self.error * student_reach(self.freedom) if self.error else 0.0


def fit(shown: Sequence[float], variances: Sequence[float]) -> Fit:
    """The fit of what each machine showed and the variance of its error, 0 where that is not known.

    Raises ValueError for fewer than two machines, or lengths that differ.
    """
    if len(shown) < 2 or len(shown) != len(variances):
        raise ValueError(f"{len(shown)} machines with {len(variances)} errors; needs two, each with an error")
    values, errors = np.asarray(shown, dtype=float), np.asarray(variances, dtype=float)
    freedom = len(values) - 1

    def weighted(tau2: float) -> tuple[float, float, float]:
        """The centre, the squares around it, and the sum of weights."""
        weights = 1 / (errors + tau2)
        centre = float(weights @ values / weights.sum())
        return centre, float(weights @ (values - centre) ** 2), float(weights.sum())

    spread = float(np.var(values, ddof=1))
    if spread <= _ROUNDING:
        return Fit(float(values[0]), 0.0, 0.0, freedom)
    tau2 = _paule_mandel(lambda tau2: weighted(tau2)[1] - freedom, spread, errors_known=bool((errors > 0).all()))
    centre, squares, weight = weighted(tau2)
    return Fit(centre, math.sqrt(squares / freedom / weight), math.sqrt(tau2), freedom)


def _paule_mandel(excess: Callable[[float], float], spread: float, *, errors_known: bool) -> float:
    """The variance between machines that makes their weighted squares what is expected; 0 where errors explain all."""
    if errors_known and excess(0.0) <= 0:
        return 0.0
    low = 0.0 if errors_known else spread * 1e-9
    if excess(low) <= 0:
        return low
    from scipy.optimize import brentq  # here, as it takes a third of a second and few stores ask

    return float(brentq(excess, low, spread * 2))


def difference(a: Fit, b: Fit) -> Fit:
    """The fit of a's centre minus b's, of machines that have nothing to do with each other."""
    freedom = welch(a.error**2, a.freedom, b.error**2, b.freedom)
    return Fit(a.centre - b.centre, math.hypot(a.error, b.error), math.hypot(a.between, b.between), freedom)
