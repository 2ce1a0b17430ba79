"""The rows of a file of trials: JSON objects, one a line, or CSV with a header; each with its line's number."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import RecordError, UsageError


class TrialRow(NamedTuple):
    """One row: its line in the file, from 1, and its values by column; what lies within an object is `outer.inner`."""

    line: int
    values: dict[str, Any]


def read_rows(path: Path) -> list[TrialRow]:
    """The rows of `path`: of CSV where its name ends in .csv, else of JSON lines.

    Raises UsageError where there is no such file, RecordError, with the line, for what is neither, and for a file
    without a row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name a file of trials") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not text in UTF-8 ({error.reason} at byte {error.start})") from error
    try:
        rows = list(_csv(text) if path.suffix.lower() == ".csv" else _json_lines(text))
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from error
    if not rows:
        raise RecordError(f"{path}: holds no trial; it is to have a line or a row a run")
    return rows


def _json_lines(text: str) -> Iterator[TrialRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise ValueError(f"line {number} is no JSON object; give JSON lines, or CSV in a file that ends in .csv")
        yield TrialRow(number, dict(_flat(content)))


def _csv(text: str) -> Iterator[TrialRow]:
    try:
        # By hand, not by DictReader: what is in no column, or is in two, is to be told.
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the header has two columns {twice!r}")
        for cells in reader:
            if any(map(str.strip, cells)):
                if len(cells) != len(header):
                    raise ValueError(f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}")
                yield TrialRow(reader.line_num, dict(zip(header, map(str.strip, cells), strict=True)))
    except csv.Error as error:
        raise ValueError(f"not CSV ({error})") from error


def _flat(content: dict[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict) and not outer:
            yield from _flat(value, f"{name}.")
        else:
            yield outer + name, value
