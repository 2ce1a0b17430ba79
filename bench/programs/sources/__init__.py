"""The sources of progress, one module per form of output: all of them see the output, and the best one counts."""

from __future__ import annotations

from bench.programs.progress import Source, Watched
from bench.programs.sources import (
    coco,
    csv_log,
    key_value,
    mllog,
    objects,
    regex,
    table,
    tensorboard,
    tqdm,
    trainer_state,
)

# Best first. What a user's own expressions find comes first of all: somebody asked for it by name. Files that tell no
# time come last.
SOURCES = (
    regex.Regex,
    objects.Events,
    objects.JsonLines,
    mllog.Mllog,
    tensorboard.TensorBoard,
    coco.Coco,
    key_value.KeyValue,
    objects.PythonDict,
    table.Table,
    tqdm.Tqdm,
    trainer_state.TrainerState,
    csv_log.CsvLog,
)


def open_sources(watched: Watched) -> list[Source]:
    """A fresh instance of every source, best first, for one run. Raises BadPattern."""
    return [source(watched) for source in SOURCES]
