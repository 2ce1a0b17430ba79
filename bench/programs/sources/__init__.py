"""The sources of progress, one module each: what a program shows is put to all of them, and the best counts."""

from __future__ import annotations

from bench.programs.progress import Source, Watched
from bench.programs.sources.events import Events
from bench.programs.sources.json_lines import JsonLines
from bench.programs.sources.key_value import KeyValue
from bench.programs.sources.mllog import Mllog
from bench.programs.sources.python_dict import PythonDict
from bench.programs.sources.regex import Regex
from bench.programs.sources.tensorboard import TensorBoard
from bench.programs.sources.tqdm import Tqdm
from bench.programs.sources.trainer_state import TrainerState

# Best first. What a user's own expressions find comes first of all: somebody asked for it by name.
SOURCES = (Regex, Events, JsonLines, Mllog, TensorBoard, TrainerState, KeyValue, PythonDict, Tqdm)


def open_sources(watched: Watched) -> list[Source]:
    """A fresh instance of every source, best first, for one run. Raises BadPattern."""
    return [source(watched) for source in SOURCES]
