"""What is read of a log."""

from __future__ import annotations

from bench.store.base import DamagedLine, RawRecord
from bench.store.log import read_log


def read(log: str | bytes, chunk: int = 65536) -> tuple[list[bytes], list[DamagedLine]]:
    """The bytes of the records in `log`, and what is damaged."""
    raw = log.encode() if isinstance(log, str) else log
    found = list(read_log(raw[at : at + chunk] for at in range(0, len(raw), chunk)))
    records = [each for each in found if isinstance(each, RawRecord)]
    return [each.raw for each in records], [each for each in found if isinstance(each, DamagedLine)]
