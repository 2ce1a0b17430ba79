"""What several commands share: options and answers, a lease, machines, plans, progress.

Commands import options and answers from here; what not every command needs is in modules of its own.
"""

from __future__ import annotations

from bench.cli.parts.common import (
    complain,
    complete_files,
    complete_folders,
    complete_recipes,
    confirm,
    data_option,
    device_option,
    end_unless_completed,
    machine_options,
    metric_option,
    parsed,
    parsed_time,
    recording_options,
    refuse,
    seed_option,
    store_option,
    stores_option,
    together,
    with_progress,
)
from bench.cli.parts.output import answer_options, format_option, output_option, refuse_terminal, to_terminal, write

__all__ = [
    "answer_options",
    "complain",
    "complete_files",
    "complete_folders",
    "complete_recipes",
    "confirm",
    "data_option",
    "device_option",
    "end_unless_completed",
    "format_option",
    "machine_options",
    "metric_option",
    "output_option",
    "parsed",
    "parsed_time",
    "recording_options",
    "refuse",
    "refuse_terminal",
    "seed_option",
    "store_option",
    "stores_option",
    "to_terminal",
    "together",
    "with_progress",
    "write",
]
