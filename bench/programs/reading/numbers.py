"""Numbers as programs print them: exponents, nan and infinities, thousands with commas. Nothing is cut short."""

from __future__ import annotations

import math
import re

# 888 is never 8, 1.2e+32 never 1.2. [0-9], not \d: that takes the digits of all scripts.
NUMBER = (
    r"[-+]?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?i:nan|inf(?:inity)?)(?![A-Za-z0-9_]))"
)
_WHOLE = re.compile(NUMBER)
# Beyond it a double no longer holds every integer; no program counts so far.
_MOST = 2**53


def as_number(value: object) -> float | None:
    """The number that a value is or spells; None for anything else, truth values too."""
    if isinstance(value, str):
        text = value.strip()
        return float(text.replace(",", "")) if len(text) < 64 and _WHOLE.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer that no double holds
        return math.inf if value > 0 else -math.inf


def as_count(value: object) -> int | None:
    """A count from 0: 120, 120.0, "1,200"; None for anything else."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < _MOST and number == int(number) else None
