"""A checkout of DAWNBench's public entries, read into records of kind `published`.

An entry is a JSON header and a TSV log beside it, of the same name, with the columns epoch, hours and
top1Accuracy (in percent). The time to the target is read off as DAWNBench does: the first line at 94 % or more.
Entries were written by hand, by many people, so the reader takes any line ending, a byte order mark, spaces in
the header, columns in any order, epochs counted from 0, from 1 or with a fraction, and a price that is null,
missing or "NA". E-mail addresses are left where they are: none goes into a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.published.dawnbench.entries import COLUMNS, FOLDER, SOURCE, TARGET
from bench.billing.prices import train_cost
from bench.errors import RecordError, UsageError
from bench.record.documents import CurvePoint, Published, Target, derived_id
from bench.text import one_line

_NO_PRICE = frozenset({"", "NA", "N/A", "NONE", "NULL"})


def read_entries(checkout: Path) -> tuple[list[Published], list[RecordError]]:
    """The CIFAR-10 training entries in `checkout`, by file, and an error for every one that cannot be read.

    A log without a header is no entry and is ignored. Raises UsageError where `checkout` holds none.
    """
    folder = checkout / FOLDER
    try:
        headers = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise UsageError(
            f"{checkout}: no folder {FOLDER} to read in it ({error.strerror}); name a checkout of {SOURCE}"
        ) from error
    entries: list[Published] = []
    errors: list[RecordError] = []
    for path in headers:
        try:
            entries.append(read_entry(path))
        except RecordError as error:
            errors.append(error)
    return entries, errors


def read_entry(header: Path) -> Published:
    """The entry of the JSON file `header` and the TSV file beside it.

    Raises RecordError, naming the entry and what is wrong with it.
    """
    name = f"{FOLDER}/{header.name}"
    try:
        content = json.loads(_text(header), parse_float=Decimal)
        if not isinstance(content, dict):
            raise ValueError("not a JSON object")
        return _published(content, tuple(_curve(_text(header.with_suffix(".tsv")))), name)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _malformed(name, f"{where}: {first['msg']}" if where else first["msg"]) from error
    except OSError as error:
        raise _malformed(name, f"{Path(error.filename or header).name} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _malformed(name, str(error)) from error


def _malformed(name: str, what: str) -> RecordError:
    # Both come from files that anybody may have written.
    return RecordError(f"{one_line(name)}: {one_line(what)}; skipped, correct the entry and import again")


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


def _published(content: dict[str, Any], curve: tuple[CurvePoint, ...], name: str) -> Published:
    submitted = datetime.strptime(_required(content, "timestamp"), "%Y-%m-%d").date()
    if submitted > datetime.now(UTC).date() + timedelta(days=1):  # in its author's zone it may be tomorrow
        raise ValueError(f"timestamp {submitted} has not come yet")
    hourly = _dollars(content.get("costPerHour"))
    code = content.get("codeURL")
    hit = next((point for point in curve if point.accuracy >= TARGET), None)
    return Published(
        id=derived_id(submitted, name),
        source=SOURCE,
        source_file=name,
        author=_required(content, "author"),
        model=_required(content, "model"),
        framework=_required(content, "framework"),
        hardware=_required(content, "hardware"),
        submitted=submitted,
        target=Target(at_least=TARGET),
        time_to_target_s=hit.seconds if hit else None,
        epoch_at_target=hit.epoch if hit else None,
        accuracy_at_target=hit.accuracy if hit else None,
        best_accuracy=max(point.accuracy for point in curve),
        cost_per_hour=hourly,
        cost=train_cost(hit.seconds, hourly) if hit else None,
        code_url=code if isinstance(code, str) else None,
        curve=curve,
    )


def _required(content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is missing, or is no text")
    return value


def _dollars(value: Any) -> Decimal | None:
    """The price, with the digits it was written with; None where the entry names none."""
    if value is None or (isinstance(value, str) and value.strip().upper() in _NO_PRICE):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"costPerHour is no price: {value!r}") from error
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise ValueError(f"costPerHour is no price: {value!r}")
    return amount


def _curve(text: str) -> Iterator[CurvePoint]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in lines]
    if len(rows) < 2:
        raise ValueError("the TSV holds no epoch")
    (_, header), *body = rows
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise ValueError(f"the TSV has no column {missing[0]}")
    places = [header.index(column) for column in COLUMNS]
    points = [_numbers(cells, places, number) for number, cells in body]
    if _swapped(points):
        points = [(hours, epoch, percent) for epoch, hours, percent in points]
    if all(percent <= 1 for _, _, percent in points):
        raise ValueError("top1Accuracy is a share; it is to be in percent")
    for epoch, hours, percent in points:
        yield CurvePoint(epoch=epoch, seconds=hours * 3600, accuracy=percent / 100)


def _numbers(cells: list[str], places: list[int], line: int) -> tuple[float, float, float]:
    try:
        epoch, hours, percent = (float(cells[place]) for place in places)
    except (IndexError, ValueError) as error:
        raise ValueError(f"line {line} of the TSV is not three numbers") from error
    if not (epoch >= 0 and hours >= 0 and 0 <= percent <= 100):  # false for nan, too
        raise ValueError(f"line {line} of the TSV has a number that cannot be")
    return epoch, hours, percent


def _swapped(points: list[tuple[float, float, float]]) -> bool:
    """Whether the first two columns bear each other's names, as in a version of the entries of DIUX.

    Only where there is no doubt: `hours` counts 1, 2, 3, … and `epoch` does not.
    """
    counting = [float(number) for number in range(1, len(points) + 1)]
    return [hours for _, hours, _ in points] == counting != [epoch for epoch, _, _ in points] and len(points) > 1
