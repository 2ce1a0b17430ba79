"""Published runs as records: what an author's clock says of ours, what counts of several imports, what cannot be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from bench.record.documents import (
    MetricTarget,
    Price,
    PublishedRun,
    PublishedRuns,
    current_published,
    derived_id,
    from_bytes,
    to_bytes,
)

TARGET = MetricTarget(metric="accuracy", at_least=0.94, at_most=None)
PRICE = Price(amount="2.5", currency="USD", unit="gpu-hour", source="a list", seen="2026-11-01")


def a_run(**changes: Any) -> PublishedRun:
    """A run of 2 s that hit, its final evaluation of 0.5 s off the clock."""
    fields: dict[str, Any] = {"machine": 0, "seconds": 2.0, "value": 0.941, "phases": {"final_evaluate": 0.5}}
    return PublishedRun(**(fields | changes))


def some_runs(**changes: Any) -> PublishedRuns:
    """One run, prepare and train on its clock."""
    fields: dict[str, Any] = {
        "source": "a paper",
        "source_file": "trials.jsonl",
        "name": "fast",
        "hardware": "GPU-X",
        "target": TARGET,
        "counts": ("prepare", "train"),
        "runs": (a_run(),),
    }
    return PublishedRuns(**(fields | changes))


def test_a_record_is_read_back_as_it_was() -> None:
    series = some_runs(price=PRICE, accelerators=8, author="An Author")
    assert from_bytes(to_bytes(series), "here") == series
    assert series.key() == f"v1/published/{series.id}.json"
    assert series.label == "An Author: fast"


@pytest.mark.parametrize(
    ("clock", "policy", "seconds"),
    [
        (None, "airbench", 2.5),  # prepare, train and the final evaluation, which is told apart
        (None, "mlperf", None),  # what evaluation took is not told
        (None, "cold", None),
        ("mlperf", "mlperf", 2.0),
        ("mlperf", "airbench", None),
    ],
)
def test_the_time_under_our_clocks(clock: Any, policy: Any, seconds: float | None) -> None:
    series = some_runs(clock=clock)
    assert series.seconds_under(series.runs[0], policy) == seconds


def test_what_was_counted_and_is_told_apart_is_taken_off() -> None:
    run = a_run(seconds=3.0, phases={"build": 0.75})
    assert some_runs(counts=("build", "prepare", "train", "final_evaluate")).seconds_under(run, "airbench") == 2.25


def test_a_clock_that_stops_at_the_target_has_no_time_of_a_miss() -> None:
    series = some_runs(counts=("prepare", "train", "evaluate", "final_evaluate"))
    assert series.seconds_under(a_run(), "mlperf") == 2.0
    assert series.seconds_under(a_run(value=0.93), "mlperf") is None
    assert not series.hit(a_run(value=0.93))


@pytest.mark.parametrize(
    ("changes", "hourly", "machine"),
    [
        ({}, None, "GPU-X"),  # a price of one accelerator, and how many there are is not told
        ({"accelerators": 8}, "20.0", "8 x GPU-X"),
        ({"accelerators": 8, "nodes": 2}, "40.0", "16 x GPU-X"),
        ({"nodes": 2, "price": PRICE.model_copy(update={"unit": "machine-hour"})}, "5.0", "2 x GPU-X"),
        ({"price": None, "accelerators": 8}, None, "8 x GPU-X"),
    ],
)
def test_what_an_hour_costs(changes: dict[str, Any], hourly: str | None, machine: str) -> None:
    series = some_runs(**({"price": PRICE} | changes))
    assert series.hourly == (None if hourly is None else Decimal(hourly))
    assert series.machine == machine


def test_machines_are_counted_where_all_runs_tell_theirs() -> None:
    assert some_runs(runs=(a_run(), a_run(machine=1), a_run())).machines == 2
    assert some_runs(runs=(a_run(), a_run(machine=None))).machines is None


def test_of_several_imports_of_one_place_the_last_counts() -> None:
    first, second = (some_runs(id=derived_id(date(2026, 11, day), "an import")) for day in (1, 2))
    other = some_runs(name="another")
    assert current_published([second, other, first, "no record"]) == [other, second]


def test_the_day_on_which_a_price_was_seen_makes_no_other_result() -> None:
    later = PRICE.model_copy(update={"seen": PRICE.seen.replace(day=2)})
    assert some_runs(price=PRICE).same_as(some_runs(price=later))
    assert not some_runs(price=PRICE).same_as(some_runs())


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": ()},
        {"counts": ()},
        {"counts": ("train", "train")},
        {"counts": ("sleep",)},
        {"hardware": ""},
        {"runs": (a_run(phases={"train": 2.1}),)},  # more than the whole
    ],
)
def test_what_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        some_runs(**changes)


@pytest.mark.parametrize("changes", [{"seconds": None}, {"value": None}, {"seconds": -1}, {"phases": {"train": -1}}])
def test_a_run_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_run(**changes)


def test_an_attempt_that_failed_is_no_hit_whatever_its_value() -> None:
    run = a_run(completed=False, seconds=None)
    assert not some_runs().hit(run)
    assert some_runs().seconds_under(run, "airbench") is None
