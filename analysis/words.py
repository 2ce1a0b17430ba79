"""The words and numbers of every table, kept apart from pandas: commands that only show prices start without it."""

from __future__ import annotations

from decimal import Decimal

# FOCUS's pricing categories, as people say them.
CATEGORIES = {"Standard": "on-demand", "Dynamic": "spot", "Committed": "committed"}
NONE = "–"  # noqa: RUF001 -- a dash, not a minus: there is no answer
UNKNOWN = "unknown"


def three(value: float | Decimal) -> str:
    """`value` to three significant digits, without an exponent: 0.00264, 74.0, 286000."""
    # By way of str: a half is rounded as it is printed, whether it comes as a double or exactly.
    return format(Decimal(f"{Decimal(str(value)):.2e}"), "f") if value else "0"
