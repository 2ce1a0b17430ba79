"""DAWNBench's published CIFAR-10 training entries, as single runs to compare with.

`dawnbench_cifar10.csv` beside this file holds all 31 of them, taken from the public repository of entries,
github.com/stanford-futuredata/dawn-bench-entries (CIFAR10/train), where each is a JSON header and a TSV log.
The task was 94 % test accuracy; the clock counts training and stops after the first epoch at 94 %,
evaluation left out. Prices are those of the entry's day; where an entry names none, its cost is unknown.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd

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


def _dollars(text: str) -> Decimal | None:
    return Decimal(text) if text else None
