"""Types of the fixtures that tests share."""

from __future__ import annotations

from collections.abc import Callable

from bench.record.documents import Run
from tests.support.command import Done

Bench = Callable[..., Done]
MakeRun = Callable[..., Run]
