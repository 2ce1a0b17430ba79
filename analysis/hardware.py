"""How many GPUs a published entry used, read from its free text."""

from __future__ import annotations

import re

_MODEL = r"(?:(?i:nvidia|tesla|geforce)\s+)*(?:[AHKPV]\d{2,3}|[LT]4|[GR]TX\s*\d{3,4})\b"
_PATTERNS = (
    re.compile(rf"{_MODEL}\s*[*x]\s*(\d+)"),  # V100 * 8
    re.compile(rf"(?<![\w.])(\d+)\s*[*x]?\s*{_MODEL}"),  # 8 * V100, 4x GTX 1080 Ti, 1 K80
    re.compile(r"(?<![\w.])(\d+)\s*GPUs?\b"),  # 1 GPU (…)
)
_ALONE = re.compile(rf"(?<!\w){_MODEL}")  # a model alone is one


def gpu_count(hardware: str) -> int | None:
    """The number of GPUs in `hardware`; None where it names neither a number nor a model of a GPU."""
    for pattern in _PATTERNS:
        found = pattern.search(hardware)
        if found:
            return int(found[1])
    return 1 if _ALONE.search(hardware) else None
