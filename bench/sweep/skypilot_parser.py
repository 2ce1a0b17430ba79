"""SkyPilot's own parser of a task file's resources, if SkyPilot is installed: run as a separate process.

    python -m bench.sweep.skypilot_parser '[{"accelerators": "V100:1"}]'

prints a line of JSON for each. Importing SkyPilot takes seconds, so answers are kept.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, TextIO

from bench.billing import in_short
from bench.billing.offers.skypilot import answer_stream, installed, run_child

_PATIENCE_S = 60.0
# What SkyPilot raises for words that it does not accept; anything else, such as an unavailable catalogue, says nothing
# about the words.
_REFUSALS = ("ValueError", "TypeError", "ValidationError")


class Parsed(NamedTuple):
    """Machines in the order of the file, each as `_machines` returns it; or why SkyPilot refuses them."""

    machines: tuple[dict[str, Any], ...] = ()
    ordered: bool = False
    refused: str | None = None


_known: dict[str, Parsed | None] = {}


def parse(resources: Iterable[dict[str, Any]]) -> None:
    """Have SkyPilot read all of these at once, and keep the answers for `parsed`. Does nothing without SkyPilot."""
    asked = list(dict.fromkeys(text for words in resources if (text := _text(words)) and text not in _known))
    if not asked or not installed():
        return
    _known.update(dict.fromkeys(asked))
    # More words than fit on a command line, or an answer truncated by the time limit.
    with suppress(OSError, json.JSONDecodeError):
        done = run_child("bench.sweep.skypilot_parser", f"[{','.join(asked)}]", _PATIENCE_S)
        for text, line in zip(asked, done.stdout.splitlines(), strict=False):
            if answer := json.loads(line):
                _known[text] = Parsed(tuple(answer["machines"]), answer["ordered"], answer["refused"])


def parsed(resources: dict[str, Any]) -> Parsed | None:
    """How SkyPilot reads `resources`; None if it is not installed, or says nothing about them."""
    parse([resources])
    return _known.get(_text(resources) or "")


def _text(words: dict[str, Any]) -> str | None:
    """`words` as JSON; None if they contain what JSON cannot represent, such as a date."""
    try:
        return json.dumps(words)
    except TypeError:
        return None


def main(asked: list[dict[str, Any]], out: TextIO) -> None:
    """Print what SkyPilot makes of each of `asked`."""
    sky: Any = importlib.import_module("sky")  # it publishes no types
    for words in asked:
        try:
            found = sky.Task.from_yaml_config({"resources": words, "run": "true"}).resources
            machines = [machine for each in found for machine in _machines(each)]
            answer = {"machines": machines, "ordered": isinstance(found, list) and len(found) > 1, "refused": None}
        except Exception as error:  # SkyPilot may raise anything
            known = type(error).__name__ in _REFUSALS or type(error).__module__ == "sky.exceptions"
            answer = {"machines": [], "ordered": False, "refused": in_short(error)} if known else {}
        print(json.dumps(answer), file=out, flush=True)


def _machines(resources: Any) -> list[dict[str, Any]]:
    stop = resources.autostop_config
    words = {
        "provider": str(resources.cloud).lower() if resources.cloud else None,
        "region": resources.region,
        "instance_type": resources.instance_type,
        "at_most": None if resources.max_hourly_cost is None else str(resources.max_hourly_cost),
        "cpus": getattr(resources, "cpus", None),
        "memory": getattr(resources, "memory", None),
        "idle_minutes": stop.idle_minutes if stop is not None and stop.enabled else None,
    }
    accelerators = resources.accelerators or {None: 0}
    return [{**words, "gpu": gpu, "gpus": gpus} for gpu, gpus in accelerators.items()]


if __name__ == "__main__":
    with answer_stream() as answers:
        main(json.loads(sys.argv[1]), answers)
