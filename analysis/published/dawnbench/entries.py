"""DAWNBench's published CIFAR-10 training entries, as single runs to compare with.

`dawnbench_cifar10.csv` beside this file holds all 31 of them, taken from the public repository of entries,
github.com/stanford-futuredata/dawn-bench-entries (CIFAR10/train), where each is a JSON header and a TSV log.
The task was 94 % test accuracy; the clock counts training and stops after the first epoch at 94 %,
evaluation left out. Prices are those of the entry's day; where an entry names none, its cost is unknown.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from bench.record.documents import AnyDocument, Published, Target, derived_id

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


def published_documents(documents: Iterable[AnyDocument] = ()) -> list[Published]:
    """The published entries, fastest first: the 31 of the file, and those among `documents`.

    A document takes the place of the file's entry of the same name: it has all digits, and the log.
    """
    with _FILE.open(encoding="utf-8", newline="") as file:
        entries = {line["file"]: _document(line) for line in csv.DictReader(file)}
    entries |= {document.source_file: document for document in documents if isinstance(document, Published)}
    return sorted(entries.values(), key=_by_time)


def chosen_entries(documents: Iterable[AnyDocument], which: Which) -> list[Published]:
    """The published entries that `which` names, each once, fastest first; `documents` are those of the stores."""
    imported = [document for document in documents if isinstance(document, Published)]
    stored = {*CLAIM_ENTRIES, *(document.source_file for document in imported)}
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
