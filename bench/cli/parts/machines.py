"""Which machines and which store the words of a call mean."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from bench.sweep.spec import load
from bench.sweep.yaml_file import is_file


def named(sweep: str | None, store: str) -> tuple[str | None, frozenset[str], str]:
    """The name of a sweep that is given by name or by file, the clusters that the file names, and its store."""
    if sweep is None or not is_file(Path(sweep)):
        return sweep, frozenset(), store
    loaded = load(sweep)
    return loaded.name, frozenset(cell.cluster for cell in loaded.cells()), loaded.store or store


def is_chosen(context: click.Context) -> bool:
    """Whether the user has named the store of this call."""
    return context.get_parameter_source("store") is ParameterSource.COMMANDLINE
