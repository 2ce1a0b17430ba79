"""DAWNBench's published CIFAR-10 training entries, as single runs to compare with.

`dawnbench_cifar10.csv` beside this file holds all 31 of them, taken from the public repository of entries,
github.com/stanford-futuredata/dawn-bench-entries (CIFAR10/train), where each is a JSON header and a TSV log.
The task was 94 % test accuracy; the clock counts training and stops after the first epoch at 94 %,
evaluation left out. Prices are those of the entry's day; where an entry names none, its cost is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from bench.record.documents import AnyDocument, Published, Target
from bench.record.ids import derived_id

SOURCE = "github.com/stanford-futuredata/dawn-bench-entries"
TARGET = 0.94
_FILE = Path(__file__).with_name("dawnbench_cifar10.csv")

# The entries that "David Page's ResNet-9 is several times faster and cheaper" is about, his own first.
BASELINE = "CIFAR10/train/davidcpage_resnet9_1v100-ec2_pytorch.json"
CLAIM_ENTRIES = (
    BASELINE,
    "CIFAR10/train/fastai_pytorch.json",
    "CIFAR10/train/basenet.json",
    "CIFAR10/train/fastai_pytorch_single_volta.json",
)


def published_entries() -> pd.DataFrame:
    """All 31 entries, fastest first, one a row.

    Columns: submission_date, author, model, framework, hardware, codeURL, file (text); time_to_94_s (s);
    epoch_at_94; acc_at_94, best_acc (%); cost_per_hour_usd, cost_usd (Decimal, or None where unknown).
    """
    return pd.read_csv(_FILE, converters={"cost_per_hour_usd": _dollars, "cost_usd": _dollars})


def claim_entries() -> pd.DataFrame:
    """The four of CLAIM_ENTRIES, in their order."""
    return published_entries().set_index("file", drop=False).loc[list(CLAIM_ENTRIES)].reset_index(drop=True)


def published_documents(documents: Iterable[AnyDocument] = ()) -> list[Published]:
    """Every published entry, fastest first: the 31 of the file, and those among `documents`.

    A document takes the place of the file's entry of the same name: it has all digits, and the log.
    """
    entries = {entry["file"]: _document(entry) for entry in published_entries().to_dict("records")}
    entries |= {document.source_file: document for document in documents if isinstance(document, Published)}
    return sorted(entries.values(), key=_by_time)


def _by_time(entry: Published) -> tuple[float, str]:
    seconds = entry.time_to_target_s
    return (float("inf") if seconds is None else seconds, entry.source_file)


def _document(entry: dict[Any, Any]) -> Published:
    submitted = date.fromisoformat(entry["submission_date"])
    return Published(
        id=derived_id(submitted, entry["file"]),
        source=SOURCE,
        source_file=entry["file"],
        author=entry["author"],
        model=entry["model"],
        framework=entry["framework"],
        hardware=entry["hardware"],
        submitted=submitted,
        target=Target(at_least=TARGET),
        time_to_target_s=entry["time_to_94_s"],
        epoch_at_target=entry["epoch_at_94"],
        accuracy_at_target=entry["acc_at_94"] / 100,
        best_accuracy=entry["best_acc"] / 100,
        cost_per_hour=entry["cost_per_hour_usd"],
        cost=entry["cost_usd"],
        code_url=entry["codeURL"],
    )


def _dollars(text: str) -> Decimal | None:
    return Decimal(text) if text else None
