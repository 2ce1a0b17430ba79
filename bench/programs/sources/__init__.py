"""The sources of progress, one module each: what a program shows is put to all of them, and the best counts."""

from __future__ import annotations

from bench.programs.progress import Source, Watched
from bench.programs.sources import (
    csv_log,
    events,
    json_lines,
    key_value,
    mllog,
    python_dict,
    regex,
    table,
    tensorboard,
    tqdm,
    trainer_state,
)

# Best first. What a user's own expressions find comes first of all: somebody asked for it by name.
SOURCES = (
    regex.Regex,
    events.Events,
    json_lines.JsonLines,
    mllog.Mllog,
    tensorboard.TensorBoard,
    trainer_state.TrainerState,
    key_value.KeyValue,
    python_dict.PythonDict,
    table.Table,
    tqdm.Tqdm,
    csv_log.CsvLog,
)


def open_sources(watched: Watched) -> list[Source]:
    """A fresh instance of every source, best first, for one run. Raises BadPattern."""
    return [source(watched) for source in SOURCES]
