"""One run of a program, measured: its environment made, its sources opened, and what came of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.programs.job import Job
from bench.programs.measurement import measurement
from bench.programs.reading.watched import Watched
from bench.programs.redaction import Redaction
from bench.programs.running.runner import run
from bench.programs.sources import open_sources
from bench.programs.watching.watch import Watch

EVENTS, SEED = "BENCH_EVENTS", "BENCH_SEED"


def measure(
    job: Job,
    environ: Mapping[str, str],
    *,
    patterns: Mapping[str, str] | None = None,
    folders: Sequence[Path] = (),
    outputs: tuple[int, int] = (1, 2),
) -> dict[str, Any]:
    """Run `job` and return its measurement, as `bench.programs.measurement` has it.

    `patterns`: a regular expression for each metric that the user names. `folders`: where files of progress are looked
    for, beside the folder that it runs in. Raises CannotStart, and BadPattern.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        events = Path(scratch, "events.jsonl")
        watched = Watched(
            started=time.monotonic(),
            started_wall=time.time(),
            events=events,
            folders=(job.folder or Path.cwd(), *folders),
            patterns=dict(patterns or {}),
        )
        watch = Watch(open_sources(watched), job.target)
        own = {EVENTS: str(events), SEED: str(job.seed)}
        # Python would keep its output back for as long as nobody reads it on a terminal.
        outcome = run(job, watch, {"PYTHONUNBUFFERED": "1", **environ, **own}, outputs)
    return measurement(job, watch, outcome, Redaction(environ))
