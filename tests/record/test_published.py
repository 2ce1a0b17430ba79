"""Published entries as records: one id an entry, and only what an entry can say."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from bench.record.documents import CurvePoint, Published, Target, derived_id, from_bytes, json_schema, time_of, to_bytes

DAY = date(2018, 11, 6)
FILE = "CIFAR10/train/one.json"
CURVE = (
    CurvePoint(epoch=0, seconds=3.5, accuracy=0.5),
    CurvePoint(epoch=1, seconds=7.0, accuracy=0.94),
    CurvePoint(epoch=2, seconds=10.5, accuracy=0.95),
)


def an_entry(**changes: Any) -> Published:
    fields = {
        "id": derived_id(DAY, FILE),
        "source": "a collection",
        "source_file": FILE,
        "author": "A",
        "model": "M",
        "framework": "F",
        "hardware": "8 * V100",
        "submitted": DAY,
        "target": Target(at_least=0.94),
        "time_to_target_s": 7.0,
        "epoch_at_target": 1,
        "accuracy_at_target": 0.94,
        "best_accuracy": 0.95,
        "cost_per_hour": Decimal("3.060"),
        "cost": Decimal("0.00595"),
        "curve": CURVE,
    }
    return Published(**(fields | changes))


def test_an_entry_survives_the_round_trip_with_every_digit_of_its_price() -> None:
    entry = an_entry()
    assert from_bytes(to_bytes(entry), "x.json") == entry
    assert json.loads(to_bytes(entry))["cost_per_hour"] == "3.060"


@pytest.mark.parametrize("changes", [{}, {"cost_per_hour": None, "cost": None, "curve": ()}])
def test_a_stored_entry_fits_the_schema(changes: dict[str, Any]) -> None:
    jsonschema.validate(json.loads(to_bytes(an_entry(**changes))), json_schema())


def test_an_entry_lies_among_the_published() -> None:
    assert an_entry().key() == f"v1/published/{derived_id(DAY, FILE)}.json"


@given(st.dates(date(1970, 1, 1)), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_id_is_a_uuid_of_version_7_of_its_day_and_always_the_same(day: date, name: str) -> None:
    made = derived_id(day, name)
    assert made == derived_id(day, name)
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
    assert time_of(made) == datetime(day.year, day.month, day.day, tzinfo=UTC)


def test_another_day_or_name_has_another_derived_id() -> None:
    made = {derived_id(day, name) for day in (DAY, date(2018, 11, 7)) for name in ("a", "b")}
    assert len(made) == 4


def test_a_day_before_1970_has_no_id() -> None:
    with pytest.raises(ValueError, match="before 1970"):
        derived_id(date(1969, 12, 31), "a")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": derived_id(DAY, "another")}, "the id is not that of the day and the file"),
        ({"submitted": date(2018, 11, 7)}, "the id is not that of the day and the file"),
        ({"epoch_at_target": None}, "known together or not at all"),
        ({"accuracy_at_target": 0.93}, "below the target"),
        ({"best_accuracy": 0.93}, "above the best one"),
        ({"time_to_target_s": 10.5}, "not that of the curve"),
        ({"curve": CURVE[::-1]}, "back in time"),
        ({"cost": Decimal(-1)}, "greater than or equal to 0"),
        ({"time_to_target_s": float("nan")}, "finite"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        an_entry(**changes)


def test_an_entry_may_never_have_reached_the_target() -> None:
    missed = an_entry(
        time_to_target_s=None,
        epoch_at_target=None,
        accuracy_at_target=None,
        best_accuracy=0.5,
        cost=None,
        curve=CURVE[:1],
    )
    assert missed.time_to_target_s is None
