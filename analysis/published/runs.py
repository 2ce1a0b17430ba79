"""Published runs as a frame like that of measured ones, so that tables and comparisons accept both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from analysis.frames import load_apart, tidy
from bench.errors import RecordError
from bench.record import flat
from bench.record.documents import POLICIES, PublishedRun, PublishedRuns, current_published
from bench.store import Store, read_all

# What such a frame has beside the columns of analysis.frames.runs.COLUMNS: their own clock, and what it counts.
OWN_COLUMNS = {"published_s": "float64", "published_attempt_s": "float64", "counts": "string"}


def published_frame(several: Iterable[PublishedRuns]) -> pd.DataFrame:
    """One row a run, with the columns of runs_frame and OWN_COLUMNS; times in s, money in the price's currency."""
    rows = [row for series in several for row in _rows(series)]
    frame = tidy(rows)
    for name, dtype in OWN_COLUMNS.items():
        frame[name] = pd.Series([row[name] for row in rows], dtype=dtype)
    return frame


def load_apart_with_published(stores: Sequence[Store]) -> tuple[list[pd.DataFrame], list[RecordError]]:
    """What load_apart gives, a frame for each store, with the store's published runs behind its own."""
    frames, errors = load_apart(stores)
    both = []
    for frame, store in zip(frames, stores, strict=True):
        documents, refused = read_all(store, "published")
        errors += refused
        both.append(with_published(frame, current_published(documents)))
    return both, errors


def with_published(frame: pd.DataFrame, several: Sequence[PublishedRuns]) -> pd.DataFrame:
    """`frame` of measured runs, and the published ones of `several` behind them."""
    if not several:
        return frame
    published = published_frame(several)
    return pd.concat([frame, published], ignore_index=True) if len(frame) else published


def _rows(series: PublishedRuns) -> Iterator[dict[str, Any]]:
    price, target = series.price, series.target
    for index, run in enumerate(series.runs):
        hit = series.hit(run)
        yield dict.fromkeys(flat.COLUMNS) | {
            "run_id": f"{series.id}#{index}",
            "recipe": series.label,
            "seed": run.seed,
            "metric": target.metric,
            "direction": "at least" if target.at_least is not None else "at most",
            "target": target.value,
            "series_id": series.id,
            "series_index": index,
            "planned": len(series.runs),
            "status": "completed" if run.completed else "failed",
            "reason": None if run.completed else "error",
            "ended": "exited",  # like a program of one's own: it is held to a metric, and no recipe of ours
            "hit": hit,
            "fell_back": False,
            "valid": True,
            "final": run.value if run.completed else None,
            "accuracy": run.value if run.completed and target.metric == "accuracy" else None,
            "warnings": 0,
            "device": series.hardware,
            "device_count": series.nodes * (series.accelerators or 1),
            "accelerators": series.accelerators,
            "price_amount": None if series.hourly is None else str(series.hourly),
            "price_unit": None if series.hourly is None else "machine-hour",
            "currency": price.currency if price else None,
            "pricing_category": price.pricing_category if price else None,
            "price_source": price.source if price else None,
            "price_seen": price.seen if price else None,
            "published_s": run.seconds if run.completed else None,
            "published_attempt_s": run.seconds,
            "counts": ", ".join(series.counts),
            "host_id": None if run.machine is None else f"{series.id}#{run.machine}",
            **_policies(series, run),
        }


def _policies(series: PublishedRuns, run: PublishedRun) -> dict[str, float | None]:
    """The run's times on our clocks, if they follow from what its author reports; that of a miss is unknown."""
    times = {policy: series.seconds_under(run, policy) for policy in POLICIES}
    return {f"{policy}_{what}": seconds for policy, seconds in times.items() for what in ("s", "attempt_s")}
