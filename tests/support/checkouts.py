"""Small checkouts of DAWNBench's entries, made for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = "CIFAR10/train"
LOG = "epoch\thours\ttop1Accuracy\n1\t0.01\t50.0\n2\t0.02\t94.08\n3\t0.03\t94.34\n"


def a_header(**changes: Any) -> dict[str, Any]:
    """A header with every field that the entries' checker asks for; a change to None is JSON's null."""
    fields = {
        "version": "v1.0",
        "author": "An Author",
        "authorEmail": "author@example.org",
        "framework": "pytorch 0.4.0",
        "codeURL": "https://example.org/code",
        "model": "A Model",
        "hardware": "V100 (AWS p3.2xlarge)",
        "costPerHour": 3.06,
        "timestamp": "2018-11-06",
        "misc": {},
    }
    return fields | changes


def an_entry(checkout: Path, name: str = "one", log: str | bytes | None = LOG, **changes: Any) -> Path:
    """Write the entry `name` into `checkout`, and return its header's path; `log` None leaves the TSV out."""
    folder = checkout / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    header = folder / f"{name}.json"
    header.write_text(json.dumps(a_header(**changes)))
    if log is not None:
        (folder / f"{name}.tsv").write_bytes(log if isinstance(log, bytes) else log.encode())
    return header
