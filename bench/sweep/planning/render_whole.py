"""What a run to the end of a sampled program takes and costs: for people, and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bench.sweep.planning.phases import CURRENCY, exact, three_digits
from bench.sweep.planning.programs import WholeRun
from bench.text import plural


def whole_words(whole: WholeRun) -> str:
    """What a run to the end takes and costs, with an interval where there is one."""
    words = f"to the end, {whole.steps:,} steps: {_between(whole.hours)} h"
    if whole.dollars:
        words += f" and {_between(whole.dollars)} {CURRENCY}"
    return f"{words} on a machine of its own, by {plural(whole.samples, 'run')} of it"


def _between(values: Sequence[float | Decimal]) -> str:
    expected, *ends = map(three_digits, values)
    return f"{expected} [{', '.join(ends)}]" if ends else expected


def whole_record(whole: WholeRun | None) -> dict[str, Any]:
    """What a run to the end takes, and the ends of its interval; null where unknown."""
    hours = (*(whole.hours if whole else ()), None, None, None)
    dollars = (*(whole.dollars if whole else ()), None, None, None)
    return {
        "whole_steps": whole.steps if whole else None,
        "whole_hours": hours[0],
        "whole_hours_low": hours[1],
        "whole_hours_high": hours[2],
        "whole_dollars": exact(dollars[0]),
        "whole_dollars_low": exact(dollars[1]),
        "whole_dollars_high": exact(dollars[2]),
    }
