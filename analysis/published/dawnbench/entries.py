"""DAWNBench's published CIFAR-10 training entries, as single runs to compare with.

`dawnbench_cifar10.csv` beside this file holds all 31 of them, taken from the public repository of entries,
github.com/stanford-futuredata/dawn-bench-entries (CIFAR10/train), where each is a JSON header and a TSV log.
The task was 94 % test accuracy; the clock counts training and stops after the first epoch at 94 %,
evaluation left out. Prices are those of the entry's day; where an entry names none, its cost is unknown.

A checkout of that repository is read too, into records of kind `published`. Its entries were written by hand, by many
people: any line ending, a byte order mark, spaces in the header, columns in any order, epochs counted from 0, from 1 or
with a fraction, and a price that is null, missing or "NA" are read. No e-mail address goes into a record.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from bench.billing import train_cost
from bench.errors import RecordError, UsageError
from bench.record.documents import AnyDocument, CurvePoint, Published, Target, derived_id, first_mistake
from bench.text import one_line

SOURCE = "github.com/stanford-futuredata/dawn-bench-entries"
TARGET = 0.94
FOLDER = "CIFAR10/train"  # of a checkout: an entry is a JSON header and a TSV log here
COLUMNS = ("epoch", "hours", "top1Accuracy")  # of the log
_FILE = Path(__file__).with_name("dawnbench_cifar10.csv")

# The entries that "David Page's ResNet-9 is several times faster and cheaper" is about, his own first.
BASELINE = "CIFAR10/train/davidcpage_resnet9_1v100-ec2_pytorch.json"
CLAIM_ENTRIES = (
    BASELINE,
    "CIFAR10/train/fastai_pytorch.json",
    "CIFAR10/train/basenet.json",
    "CIFAR10/train/fastai_pytorch_single_volta.json",
)

_MODEL = r"(?:(?i:nvidia|tesla|geforce)\s+)*(?:[AHKPV]\d{2,3}|[LT]4|[GR]TX\s*\d{3,4})\b"
_GPU_COUNTS = (
    re.compile(rf"{_MODEL}\s*[*x]\s*(\d+)"),  # V100 * 8
    re.compile(rf"(?<![\w.])(\d+)\s*[*x]?\s*{_MODEL}"),  # 8 * V100, 4x GTX 1080 Ti, 1 K80
    re.compile(r"(?<![\w.])(\d+)\s*GPUs?\b"),  # 1 GPU (…)
)
_ONE_GPU = re.compile(rf"(?<!\w){_MODEL}")  # a model without a number is one

# claim: the four of CLAIM_ENTRIES. stored: those and what was imported. all: those and the 31 of the file.
Which = Literal["claim", "stored", "all", "none"]
_NO_PRICE = frozenset({"", "NA", "N/A", "NONE", "NULL"})


def published_documents(documents: Iterable[AnyDocument] = ()) -> list[Published]:
    """The published entries, fastest first: the 31 of the file, and those among `documents`.

    A document takes the place of the file's entry of the same name: it has all digits, and the log.
    """
    with _FILE.open(encoding="utf-8", newline="") as file:
        entries = {line["file"]: _document(line) for line in csv.DictReader(file)}
    entries |= {document.source_file: document for document in documents if isinstance(document, Published)}
    return sorted(entries.values(), key=_by_time)


def chosen_entries(documents: Iterable[AnyDocument], which: Which, *, claim: bool = True) -> list[Published]:
    """The published entries that `which` names, each once, fastest first; `documents` are those of the stores.

    Without `claim` those of the claim are not among the "stored", unless they are in a store.
    """
    imported = [document for document in documents if isinstance(document, Published)]
    stored = {*(CLAIM_ENTRIES if claim else ()), *(document.source_file for document in imported)}
    entries = published_documents(imported)
    wanted = {
        "claim": {*CLAIM_ENTRIES},
        "stored": stored,
        "all": {entry.source_file for entry in entries},
        "none": set(),
    }[which]
    return [entry for entry in entries if entry.source_file in wanted]


def shortlist(entries: Sequence[Published], most: int) -> list[Published]:
    """At most `most` of the entries, in their order: those of the claim, then the fastest of the rest."""
    first = sorted(entries, key=lambda entry: entry.source_file not in CLAIM_ENTRIES)[:most]
    return [entry for entry in entries if entry in first]


def gpu_count(hardware: str) -> int | None:
    """The number of GPUs in `hardware`; None where it names neither a number nor a model of a GPU."""
    for pattern in _GPU_COUNTS:
        count = pattern.search(hardware)
        if count:
            return int(count[1])
    return 1 if _ONE_GPU.search(hardware) else None


def _by_time(entry: Published) -> tuple[float, str]:
    seconds = entry.time_to_target_s
    return (float("inf") if seconds is None else seconds, entry.source_file)


def _document(line: dict[str, str]) -> Published:
    submitted = date.fromisoformat(line["submission_date"])
    return Published(
        id=derived_id(submitted, line["file"]),
        source=SOURCE,
        source_file=line["file"],
        author=line["author"],
        model=line["model"],
        framework=line["framework"],
        hardware=line["hardware"],
        submitted=submitted,
        target=Target(at_least=TARGET),
        time_to_target_s=float(line["time_to_94_s"]),
        epoch_at_target=float(line["epoch_at_94"]),
        accuracy_at_target=float(line["acc_at_94"]) / 100,
        best_accuracy=float(line["best_acc"]) / 100,
        cost_per_hour=_dollars(line["cost_per_hour_usd"]),
        cost=_dollars(line["cost_usd"]),
        code_url=line["codeURL"],
    )


def _dollars(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def read_entries(checkout: Path) -> tuple[list[Published], list[RecordError]]:
    """The CIFAR-10 training entries in `checkout`, by file, and an error for every one that cannot be read.

    A log without a header is no entry and is ignored. Raises UsageError where `checkout` holds none.
    """
    folder = checkout / FOLDER
    try:
        headers = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise UsageError(
            f"{checkout}: no readable folder {FOLDER} in it ({error.strerror}); name a checkout of {SOURCE}"
        ) from error
    if not headers:
        raise UsageError(f"{folder}: no entry in it; name a checkout of {SOURCE}")
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
        raise _malformed(name, first_mistake(error)) from error
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
        raise ValueError(f"timestamp {submitted} is in the future")
    hourly = _price(content.get("costPerHour"))
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
        raise ValueError(f"{key} is missing or not text")
    return value


def _price(value: Any) -> Decimal | None:
    """The price, with the digits it was written with; None where the entry names none."""
    if value is None or (isinstance(value, str) and value.strip().upper() in _NO_PRICE):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"costPerHour is not a price: {value!r}") from error
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise ValueError(f"costPerHour is not a price: {value!r}")
    return amount


def _curve(text: str) -> Iterator[CurvePoint]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in lines]
    if len(rows) < 2:
        raise ValueError("the TSV has no rows")
    (_, header), *body = rows
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise ValueError(f"the TSV has no column {missing[0]}")
    places = [header.index(column) for column in COLUMNS]
    points = [_numbers(cells, places, number) for number, cells in body]
    if _swapped(points):
        points = [(hours, epoch, percent) for epoch, hours, percent in points]
    if all(percent <= 1 for _, _, percent in points):
        raise ValueError("top1Accuracy is a fraction; it must be in percent")
    for epoch, hours, percent in points:
        yield CurvePoint(epoch=epoch, seconds=hours * 3600, accuracy=percent / 100)


def _numbers(cells: list[str], places: list[int], line: int) -> tuple[float, float, float]:
    try:
        epoch, hours, percent = (float(cells[place]) for place in places)
    except (IndexError, ValueError) as error:
        raise ValueError(f"line {line} of the TSV is not three numbers") from error
    if not (epoch >= 0 and hours >= 0 and 0 <= percent <= 100):  # false for nan, too
        raise ValueError(f"line {line} of the TSV has an impossible number")
    return epoch, hours, percent


def _swapped(points: list[tuple[float, float, float]]) -> bool:
    """Whether the first two columns bear each other's names, as in a version of the entries of DIUX.

    Only where there is no doubt: `hours` counts 1, 2, 3, … and `epoch` does not.
    """
    counting = [float(number) for number in range(1, len(points) + 1)]
    return [hours for _, hours, _ in points] == counting != [epoch for epoch, _, _ in points] and len(points) > 1
