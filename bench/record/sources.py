"""Hashes of recipes' sources from before November 2026, when they were taken over whole files.

Since then they are taken over what a recipe depends on (bench.recipes.source). sources.csv holds both hashes of every
source of that time, computed from git by benchmarks/source_hashes.py.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path


def comparable(source_sha256: str) -> str:
    """The hash as it is taken today. One that is not in the table, of a source never committed, stays as it is."""
    return _by_files().get(source_sha256, source_sha256)


@cache
def _by_files() -> dict[str, str]:
    with Path(__file__).with_name("sources.csv").open(newline="") as lines:
        return {row["files_sha256"]: row["source_sha256"] for row in csv.DictReader(lines)}
