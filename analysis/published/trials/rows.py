"""The rows of a file of trials: JSON objects, one per line, or CSV with a header; and the mapping of columns.

A mapping says so: `seconds=train_s`, `value=accuracy/100`, `machine=host`.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

from bench.errors import RecordError, UsageError
from bench.record.documents import PhaseName
from bench.text import did_you_mean, one_line


class TrialRow(NamedTuple):
    """One row: its line in the file, from 1, and its values by column; what lies within objects is `outer.inner`."""

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
        raise RecordError(f"{path}: holds no trials; it needs one line or row per run")
    return rows


def _json_lines(text: str) -> Iterator[TrialRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            values = dict(_flat(content)) if isinstance(content, dict) else None
        except (ValueError, RecursionError):
            values = None
        if values is None:
            raise ValueError(f"line {number} is not a JSON object; give JSON lines, or CSV in a file that ends in .csv")
        yield TrialRow(number, values)


def _csv(text: str) -> Iterator[TrialRow]:
    try:
        # By hand, not by DictReader: what is in no column, or is in two, is to be told.
        separator = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets write others in many countries
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
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
        if isinstance(value, dict):
            yield from _flat(value, f"{outer}{name}.")
        else:
            yield outer + name, value


PHASES: tuple[str, ...] = get_args(PhaseName)
# What a column can be, beside the seconds of a phase.
FIELDS = ("seconds", "value", "machine", "seed", "hardware")
_NEEDED = ("seconds", "value")
# What is written where there is no value.
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null"})


@dataclass(frozen=True)
class MappedColumn:
    """A column, and what its numbers are divided by to be seconds, or in the target's unit."""

    name: str
    divisor: Decimal = Decimal(1)

    @property
    def text(self) -> str:
        """As it is written behind the `=`."""
        return self.name if self.divisor == 1 else f"{self.name}/{self.divisor:g}"

    def said(self, values: dict[str, Any]) -> Any:
        """What this column holds; None where that is nothing or NaN, as a data frame writes nothing."""
        value = values.get(self.name)
        return None if str("" if value is None else value).strip().casefold() in _MISSING else value

    def number(self, values: dict[str, Any]) -> float | None:
        """The number in this column; None where there is none. Raises ValueError for what is no number."""
        exact = self.exact(values)
        return None if exact is None else float(exact)

    def exact(self, values: dict[str, Any]) -> Decimal | None:
        """The number with all the digits that are written: 94.02 % is 0.9402, and not the double below it."""
        value = self.said(values)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError
            if math.isnan(float(value)):  # `-nan`, as C prints it
                return None
            # By the text of a float, which has the digits of the file.
            found = Decimal(str(value) if isinstance(value, float) else value)
            found = found if self.divisor == 1 else found / self.divisor
            if math.isinf(float(found)):
                raise ValueError
        except (ValueError, ArithmeticError):
            raise ValueError(f"{self.name} is not a number: {one_line(str(value))!r}") from None
        return found


def parse_map(pairs: Iterable[str], columns: Collection[str]) -> dict[str, MappedColumn]:
    """The columns that `pairs` (FIELD=COLUMN, or FIELD=COLUMN/DIVISOR) map, by field; `columns` are those of the file.

    Raises UsageError for what is no such pair, for a field that is not known, mapped twice or needed and not mapped,
    and for a column that the file lacks.
    """
    known = (*FIELDS, *PHASES)
    mapped: dict[str, MappedColumn] = {}
    for pair in pairs:
        field, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not field or not column:
            raise UsageError(f"--map {pair!r} is not FIELD=COLUMN, such as seconds=train_s")
        if field not in known:
            near = did_you_mean(field, known)
            raise UsageError(f"--map {pair!r}: no field {field!r}; {near or 'choose from ' + ', '.join(known)}")
        if field in mapped:
            raise UsageError(f"--map {field} is given twice")
        mapped[field] = _column(column, columns)
    for field in _NEEDED:
        if field not in mapped:
            raise UsageError(f"no column is mapped to {field}: --map {field}=COLUMN; the file has {_listed(columns)}")
    return mapped


def _column(text: str, columns: Collection[str]) -> MappedColumn:
    if text in columns:
        return MappedColumn(text)
    name, sign, divisor = text.rpartition("/")
    if sign and name in columns:
        try:
            number = Decimal(divisor)
        except ArithmeticError:
            number = Decimal("nan")
        if not (number.is_finite() and number > 0):
            raise UsageError(f"{text!r}: {divisor!r} is not a valid divisor")
        return MappedColumn(name, number)
    near = did_you_mean(name if sign else text, columns)
    raise UsageError(f"no column {text!r}; {near or 'the file has ' + _listed(columns)}")


def _listed(columns: Collection[str]) -> str:
    return one_line(", ".join(columns))


def parse_counts(text: str) -> tuple[PhaseName, ...]:
    """The phases that `text` lists, such as `prepare,train`. Raises UsageError for what is none."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PHASES:
            near = did_you_mean(name, PHASES)
            raise UsageError(f"--counts {text!r}: no phase {name!r}; {near or 'choose from ' + ', '.join(PHASES)}")
    return tuple(phase for phase in get_args(PhaseName) if phase in names)
