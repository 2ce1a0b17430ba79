"""Types of the fixtures that tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from bench.record.documents import Run

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
MakeRun = Callable[..., Run]
