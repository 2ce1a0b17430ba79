"""What a folder and S3 differ in: where the parts of a compact layer lie, and how to see which runs they lack."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from bench.record.documents import time_of
from bench.store import ROOT

COMPACT = f"{ROOT}/compact"
FOLDER = f"{COMPACT}/runs"
RUNS = f"{ROOT}/runs/"


class Layer(Protocol):
    """The compact layer of one store."""

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Those columns of every part; empty where there is none. Raises StoreError where one cannot be read."""

    def missing(self, held: pa.ChunkedArray, *, all_listed: bool) -> list[str]:
        """The keys of the runs whose ids are not in `held`, sorted.

        A layer that has written down what earlier compactions looked at may go by that, unless `all_listed`.
        """

    def add(self, name: str, part: bytes) -> None:
        """Create a part, below FOLDER. Raises StoreError."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other compactions out, which would add the same runs. Raises StoreError where nothing can be written."""

    def finish(self, began: datetime, left: Sequence[str]) -> None:
        """Write down that every run listed since `began` is in the parts, but for those whose keys are `left`."""


def run_key(run_id: str) -> str:
    """Where the record of a run lies."""
    return f"{RUNS}{time_of(run_id):%Y/%m/%d}/{run_id}.json"
