"""MLPerf's lines: `:::MLLOG {"key": "eval_accuracy", "value": 0.92, "metadata": {"samples_count": 3072}, …}`.

A line's own time counts. `eval_accuracy` keeps its name even where it is a loss. What a program counts while it
evaluates or initialises is not its training's progress; nor are a block's own counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.programs.progress import Point, Source, Watched, as_count, as_number, flat

MARK = ":::MLLOG"
# Which phase begins with a key.
PHASES = {
    "init_start": "build",
    "run_start": "train",
    "eval_start": "evaluate",
    "eval_stop": "train",
    "run_stop": "idle",
}
# Of these the one that training shows first is counted to the end; samples of a block are not those of the run.
_COUNTS = (("step", "step"), ("step_num", "step"), ("samples_count", "sample"), ("epoch_num", "epoch"))
# Between these pairs steps are those of a warm-up or of the evaluation; one accuracy carries the training's.
_ASIDE = {"init_start": True, "run_start": False, "eval_start": True, "eval_stop": False}
_OF_TRAINING = frozenset({"eval_accuracy", "eval_start"})
_TOTAL, _BATCH = "max_steps", "global_batch_size"


def entry_of(text: str) -> dict[str, Any] | None:
    """The entry in a line, with or without a prefix such as a rank; its `key` is text. None if there is none."""
    start = text.find(MARK)
    if start < 0:
        return None
    try:
        entry = json.loads(text[start + len(MARK) :])
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("key"), str) else None


class Mllog(Source):
    """Reads MLLOG lines on stdout."""

    name = "mllog"

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._counted: tuple[str, str] | None = None
        self._said: dict[str, int] = {}
        self._aside = False

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        entry = entry_of(text)
        return None if entry is None else self._point(entry, at)

    def _point(self, entry: dict[str, Any], at: float) -> Point | None:
        key, value, metadata = entry["key"], entry.get("value"), entry.get("metadata")
        counts = metadata if isinstance(metadata, dict) else {}
        self._aside = _ASIDE.get(key, self._aside)
        step = None if self._aside and key not in _OF_TRAINING else self._step(key, counts)
        if key in (_TOTAL, _BATCH) and (said := as_count(value)):
            self._said[key] = said
        metrics = self._metrics(key, value, counts)
        phase = PHASES.get(key)
        if step is None and not metrics and phase is None:
            return None
        milliseconds = as_number(entry.get("time_ms"))
        stated = None if milliseconds is None else self._watched.at(milliseconds / 1000, at)
        unit = self._counted[1] if self._counted else "step"
        return Point(at if stated is None else stated, step, self._total(unit), unit, metrics, phase)

    def _step(self, key: str, counts: Mapping[str, Any]) -> int | None:
        if key.startswith("block_"):
            return None
        if self._counted is None:
            self._counted = next((each for each in _COUNTS if as_count(counts.get(each[0])) is not None), None)
        return as_count(counts.get(self._counted[0])) if self._counted else None

    def _metrics(self, key: str, value: object, counts: Mapping[str, Any]) -> dict[str, float]:
        """Numbers that were measured; those without a step are settings."""
        if key in PHASES or not (key == "eval_accuracy" or any(name in counts for name, _ in _COUNTS)):
            return {}
        pairs = flat(value) if isinstance(value, dict) else [(key, value)]
        return {name: number for name, shown in pairs if (number := as_number(shown)) is not None}

    def _total(self, unit: str) -> int | None:
        steps = self._said.get(_TOTAL)
        if steps is None or unit == "epoch":
            return None
        batch = self._said.get(_BATCH) if unit == "sample" else 1
        return steps * batch if batch else None
