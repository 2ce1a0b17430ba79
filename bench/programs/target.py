"""The quality that a program is to reach: a metric, a direction and a value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_TARGET = re.compile(r"\s*(?P<metric>[^\s<>=!]+(?:\s+[^\s<>=!]+)*)\s*(?P<sign>>=|<=|[<>=!]+)\s*(?P<value>\S+)\s*")


@dataclass(frozen=True)
class Target:
    """`metric` is to be at least, or at most, a value; exactly one of the two is given."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, value: float) -> bool:
        """Whether `value` is good enough; NaN never is."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    def __str__(self) -> str:
        sign, value = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
        return f"{self.metric} {sign} {value:g}"


def parse_target(text: str) -> Target:
    """The target that `text` writes, such as `val_loss <= 3.28`. Raises ValueError where it has no direction."""
    match = _TARGET.fullmatch(text)
    if not match or match["sign"] not in (">=", "<="):
        raise ValueError(f"{text!r} is no target; write METRIC >= VALUE or METRIC <= VALUE, such as 'val_loss <= 3.28'")
    try:
        value = float(match["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: {match['value']!r} is no number")
    return Target("_".join(match["metric"].split()), **{"at_least" if match["sign"] == ">=" else "at_most": value})
