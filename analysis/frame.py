"""Records to a tidy frame: one row a run, one column a fact, units in COLUMNS."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from analysis.attempts import attempt_seconds
from bench.billing.cost import train_cost
from bench.billing.prices import machine_hourly
from bench.record.documents import AnyDocument, Device, LeaseOpened, Run
from bench.record.policy import POLICIES, Policy, fell_back, policy_seconds


class Column(NamedTuple):
    """A column's dtype in pandas and its meaning, with the unit."""

    dtype: str
    meaning: str


COLUMNS: dict[str, Column] = {
    "run_id": Column("string", "the run's UUIDv7"),
    "recipe": Column("string", "the recipe's name"),
    "source_sha256": Column("string", "SHA-256 of the recipe's source"),
    "machine": Column("string", "what computed, such as `Tesla V100` or `8 x` it; cores are counted on a CPU"),
    "device_kind": Column("string", "cpu or cuda"),
    "instance": Column("string", "provider:instance_type of the lease; missing where it has none"),
    "pricing_category": Column("string", "Standard (on-demand), Dynamic (spot), Committed; missing: no price"),
    "status": Column("string", "completed, failed or interrupted"),
    "reason": Column("string", "why it did not complete"),
    "hit": Column("bool", "completed at or above its target"),
    "target": Column("float64", "share of test images to classify right, 0..1"),
    "dataset": Column("string", "the data set of the target"),
    "accuracy": Column("float64", "final share of test images right, 0..1; NaN: the run did not get there"),
    "views": Column("Int64", "views averaged an image at the final evaluation; 1 is no TTA"),
    "seed": Column("object", "int, without an upper bound"),
    "series_id": Column("string", "the call that asked for the run"),
    "planned": Column("Int64", "runs of this recipe that call asked for"),
    "started": Column("datetime64[us, UTC]", "the run's anchor"),
    **{f"{p}_s": Column("float64", f"s under {p}; NaN: it has no answer for this run") for p in POLICIES},
    **{f"{p}_attempt_s": Column("float64", f"s used under {p} however the run ended; NaN: unknown") for p in POLICIES},
    "hourly": Column("object", "Decimal, what an hour of the whole machine costs; None: unknown"),
    "currency": Column("string", "of `hourly`, ISO 4217"),
    "price_source": Column("string", "where the price was read"),
    "price_seen": Column("object", "date, the day it was read, or None"),
    "loss": Column("float64", "mean training loss an image at the last step read"),
    "images_per_second": Column("float64", "training images a second of the train phases"),
    "warnings": Column("Int64", "how many warnings the record carries"),
    "fell_back": Column("bool", "crossed its target, then ended below it"),
    "valid": Column("bool", "no clock was read while the device was at work"),
    "path": Column("string", "eager, compiled or graphs"),
    "convolution": Column("string", "how 3x3 convolutions were computed: direct or winograd"),
    "precision": Column("string", "the type of the heavy arithmetic"),
    "torch": Column("string", "torch's version"),
    "git_commit": Column("string", "of the checkout that ran"),
}


def runs_frame(documents: Iterable[AnyDocument]) -> pd.DataFrame:
    """One row a run, oldest first, with the columns of COLUMNS; leases are joined for their price.

    Documents of other kinds are passed over, and a record that is there twice counts once.
    """
    runs: dict[str, Run] = {}
    leases: dict[str, LeaseOpened] = {}
    for document in documents:
        if isinstance(document, Run):
            runs[document.id] = document
        elif isinstance(document, LeaseOpened):
            leases[document.id] = document
    rows = [_row(run, leases.get(run.lease_id or "")) for _, run in sorted(runs.items())]
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=column.dtype) for name, column in COLUMNS.items()}
    )


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: all but those that completed with a clock read while the device was at work."""
    return frame[(frame["status"] != "completed") | frame["valid"]]


def train_costs(frame: pd.DataFrame, policy: Policy) -> list[Decimal | None]:
    """What each run's time under `policy` cost, in its currency; None: no such time, or no price."""
    return _costs(frame[f"{policy}_s"], frame["hourly"])


def attempt_costs(frame: pd.DataFrame, policy: Policy) -> list[Decimal | None]:
    """What each run used under `policy` cost, however it ended; None: unknown."""
    return _costs(frame[f"{policy}_attempt_s"], frame["hourly"])


def _costs(seconds: Iterable[float], hourlies: Iterable[Decimal | None]) -> list[Decimal | None]:
    return [
        train_cost(None if pd.isna(spent) else spent, hourly) for spent, hourly in zip(seconds, hourlies, strict=True)
    ]


def _row(run: Run, lease: LeaseOpened | None) -> dict[str, Any]:
    final = next((e for e in run.evaluations if e.final), None)
    return {
        "run_id": run.id,
        "recipe": run.recipe.name,
        "source_sha256": run.recipe.source_sha256,
        "machine": _machine(run.device),
        "device_kind": run.device.kind,
        "status": run.status,
        "reason": run.reason,
        "hit": run.hit,
        "target": run.target.at_least,
        "dataset": run.target.dataset,
        "accuracy": run.final_accuracy,
        "views": final.views if final else None,
        "seed": run.seed,
        "series_id": run.series.id,
        "planned": run.series.planned,
        "started": run.anchor,
        "loss": run.loss,
        "images_per_second": _images_per_second(run),
        "warnings": len(run.warnings),
        "fell_back": fell_back(run),
        "valid": run.valid,
        "path": run.device.path,
        "convolution": run.device.convolution,
        "precision": run.device.precision,
        "torch": run.environment.torch,
        "git_commit": run.environment.git_commit,
        **{f"{policy}_s": policy_seconds(run, policy) for policy in POLICIES},
        **{f"{policy}_attempt_s": attempt_seconds(run, policy) for policy in POLICIES},
        **_price(lease),
    }


def _price(lease: LeaseOpened | None) -> dict[str, Any]:
    price = lease.price if lease else None
    hourly = machine_hourly(price, lease.accelerators) if lease else None
    return {
        "instance": f"{lease.provider}:{lease.instance_type}" if lease and lease.instance_type else None,
        "hourly": hourly,
        "pricing_category": price.pricing_category if price else None,
        "currency": price.currency if price else None,
        "price_source": price.source if price else None,
        "price_seen": price.seen if price else None,
    }


def _machine(device: Device) -> str:
    return device.name if device.count == 1 else f"{device.count} x {device.name}"


def _images_per_second(run: Run) -> float | None:
    seconds = sum(phase.stop - phase.start for phase in run.phases if phase.name == "train")
    return run.images / seconds if seconds > 0 and run.images else None
