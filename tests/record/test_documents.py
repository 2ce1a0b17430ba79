"""Documents to bytes and back, the schema's rules, and identifiers."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from bench.errors import RecordError
from bench.record.documents import (
    Accelerators,
    LeaseClosed,
    LeaseOpened,
    Phase,
    Price,
    RecipeRef,
    Run,
    content_of,
    from_bytes,
    json_schema,
    new_id,
    time_of,
    to_bytes,
)
from bench.sealed import seal
from tests.support.builders import EVALUATIONS, make_run, present, runs

PRICE = Price(amount=Decimal("3.060"), currency="USD", source="a list", seen=date(2026, 11, 1))
LEASE = LeaseOpened(
    provider="aws",
    instance_type="p3.2xlarge",
    accelerators=Accelerators(name="V100", count=1),
    price=PRICE,
    started=datetime(2026, 11, 22, 12, tzinfo=UTC),
    tags={"bench-lease": "7"},
)
CLOSED = LeaseClosed(id=LEASE.id, stopped=datetime(2026, 11, 22, 13, tzinfo=UTC))
SEALED = to_bytes(make_run())


def altered(**changes: Any) -> bytes:
    """The bytes of a run with fields changed and the checksum made to fit."""
    return seal(content_of(make_run()) | changes)


@given(runs())
def test_a_run_survives_the_round_trip(run: Run) -> None:
    assert from_bytes(to_bytes(run), "x.json") == run


@given(runs())
def test_a_run_has_one_spelling(run: Run) -> None:
    assert to_bytes(from_bytes(to_bytes(run), "x.json")) == to_bytes(run)


def test_a_run_of_before_recipes_had_versions_is_one_of_the_first() -> None:
    content = content_of(make_run())
    del content["recipe"]["version"]
    run = from_bytes(seal(content), "x.json")
    assert isinstance(run, Run)
    assert present(run.recipe).version == 1


def test_a_recipe_is_called_by_its_name_and_from_the_second_version_on_by_that_too() -> None:
    refs = [RecipeRef(name="mine", version=version, source_sha256="") for version in (1, 2, 10)]
    assert [ref.label for ref in refs] == ["mine", "mine v2", "mine v10"]


@pytest.mark.parametrize("document", [LEASE, CLOSED], ids=["opened", "closed"])
def test_a_lease_survives_the_round_trip(document: LeaseOpened | LeaseClosed) -> None:
    assert from_bytes(to_bytes(document), "x.json") == document


@pytest.mark.parametrize("amount", ["-1", "1E+15", "1E+400", "NaN", "Infinity"])
def test_an_amount_that_no_price_has_is_refused_by_name(amount: str) -> None:
    content = content_of(LEASE.model_copy(update={"price": PRICE}))
    with pytest.raises(RecordError, match=r"^x\.json: .*price\.amount"):
        from_bytes(seal(content | {"price": content["price"] | {"amount": amount}}), "x.json")


@given(st.decimals(0, 10**6, places=8))
def test_money_is_text_and_keeps_every_digit(amount: Decimal) -> None:
    lease = LEASE.model_copy(update={"price": PRICE.model_copy(update={"amount": amount})})
    raw = to_bytes(lease)
    assert json.loads(raw)["price"]["amount"] == str(amount)
    read = from_bytes(raw, "x.json")
    assert isinstance(read, LeaseOpened)
    assert read.price
    assert read.price.amount.as_tuple() == amount.as_tuple()


@settings(max_examples=500)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_record_with_any_one_byte_altered_is_refused_by_name(position: int, difference: int) -> None:
    raw = bytearray(SEALED)
    raw[position] ^= difference
    with pytest.raises(RecordError, match=r"^results/x\.json: "):
        from_bytes(bytes(raw), "results/x.json")


def test_a_number_altered_until_it_overflows_is_refused_by_name() -> None:
    raw = to_bytes(make_run(loss=1.234567)).replace(b"1.234567", b"1e234567")
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(raw, "x.json")


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("field", ["seed", "steps", "index", "planned", "cores", "loss"])
def test_a_number_of_more_than_64_bits_is_refused_by_name_though_its_checksum_fits(field: str, number: str) -> None:
    placed = re.sub(rf'"{field}":[^,}}]+', f'"{field}":{number}', to_bytes(make_run(loss=1.5)).decode())
    bare = re.sub(r'"sha256":"[0-9a-f]+",?', "", placed).rstrip("\n")
    forged = placed.replace(placed[placed.index('"sha256":"') :][10:74], hashlib.sha256(bare.encode()).hexdigest())
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(forged.encode(), "x.json")


def test_text_that_has_no_utf8_is_refused_by_name() -> None:
    raw = to_bytes(make_run(message="here")).replace(b"here", b"\\ud800")
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(raw, "x.json")


@given(st.integers(0, len(SEALED) - 1))
def test_a_record_cut_short_is_refused(length: int) -> None:
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(SEALED[:length], "x.json")


@pytest.mark.parametrize("extra", [b"\n", b" ", b"{}", b"\0"])
def test_a_record_with_bytes_after_it_is_refused(extra: bytes) -> None:
    with pytest.raises(RecordError):
        from_bytes(SEALED + extra, "x.json")


def test_a_record_spelled_with_padding_is_refused() -> None:
    padded = json.dumps(json.loads(SEALED), sort_keys=True).encode() + b"\n"
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(padded, "x.json")


@given(st.integers(4, 10**6))
def test_a_newer_schema_says_to_upgrade(version: int) -> None:
    with pytest.raises(RecordError, match=rf"^x\.json: .*\b{version}\b"):
        from_bytes(altered(schema_version=version), "x.json")


def test_a_newer_schema_says_to_upgrade_whatever_shape_it_has() -> None:
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(b'{"schema_version":9,"kind":"bill"}', "x.json")


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"null", b"{}", b'{"schema_version":"1"}', b"\xff\xfe"])
def test_what_is_no_record_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(raw, "x.json")


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_json_lacks_are_refused(constant: bytes) -> None:
    with pytest.raises(RecordError, match=r"^x\.json: "):
        from_bytes(SEALED.replace(b'"loss":null', b'"loss":' + constant), "x.json")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"seed": -1}, "seed"),
        ({"surprise": 1}, "surprise"),
        ({"id": str(uuid.uuid4())}, "id"),
        ({"kind": "invoice"}, "kind"),
        ({"status": "failed"}, "reason"),
        ({"evaluations": []}, "evaluation"),
        ({"phases": [{"name": "train", "start": 2, "stop": 1}]}, r"phases\.0"),
    ],
)
def test_a_sealed_record_that_breaks_the_schema_is_refused_with_the_place(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(RecordError, match=rf"^x\.json: .*{where}"):
        from_bytes(altered(**changes), "x.json")


def test_a_document_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="seed"):
        setattr(make_run(), "seed", 8)  # noqa: B010 -- mypy refuses the plain way, as it should


def test_a_phase_cannot_stop_before_it_starts() -> None:
    with pytest.raises(ValidationError):
        Phase(name="train", start=2, stop=1)


@pytest.mark.parametrize(("start", "stop"), [(-1e308, 0), (0, 1e308), (0, 1.1e9)])
def test_a_phase_is_no_longer_than_thirty_years(start: float, stop: float) -> None:
    with pytest.raises(ValidationError):
        Phase(name="train", start=start, stop=stop)


def test_the_accuracy_of_a_recipe_is_a_share() -> None:
    evaluations = content_of(make_run())["evaluations"]
    for accuracy in (-0.1, 1.1, 1e308):
        wrong = [evaluations[0] | {"metrics": {"accuracy": accuracy}}, *evaluations[1:]]
        with pytest.raises(RecordError, match=r"^x\.json: .*accuracy"):
            from_bytes(altered(evaluations=wrong), "x.json")


def test_only_a_completed_run_with_a_good_final_evaluation_hits() -> None:
    assert make_run().hit
    assert not make_run(status="failed", reason="OOM").hit
    assert not make_run(status="failed", reason="OOM", evaluations=EVALUATIONS[:2]).hit
    assert make_run(status="failed", reason="OOM", evaluations=EVALUATIONS[:2]).final_value is None


def test_keys_follow_the_utc_day_in_the_id() -> None:
    run = make_run(id="019aab8c-6c00-7000-8000-000000000000")
    day = time_of(run.id)
    assert run.key() == f"v1/runs/{day.year}/{day.month:02}/{day.day:02}/{run.id}.json"
    assert LEASE.key() == f"v1/leases/{LEASE.id}/opened.json"
    assert CLOSED.key() == f"v1/leases/{LEASE.id}/closed.json"


def test_the_json_schema_describes_every_kind() -> None:
    assert {"Run", "LeaseOpened", "LeaseClosed"} <= set(json_schema()["$defs"])


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=6))
def test_ids_sort_by_the_millisecond_they_were_made_in(milliseconds: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        ids = []
        for moment in milliseconds:
            patch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
            ids.append((moment, new_id()))
    assert [moment for moment, _ in sorted(ids, key=lambda pair: pair[1])] == sorted(milliseconds)


def test_an_id_tells_the_millisecond_it_was_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    made = datetime(2026, 11, 22, 12, 30, 5, 123_000, tzinfo=UTC)
    monkeypatch.setattr(time, "time_ns", lambda: int(made.timestamp() * 1000) * 1_000_000 + 999_999)
    assert time_of(new_id()) == made


def test_ids_are_distinct_uuids_of_version_7() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(uuid.UUID(i).version, uuid.UUID(i).variant) for i in ids} == {(7, uuid.RFC_4122)}


@pytest.mark.parametrize("text", ["", "7", str(uuid.UUID(int=0)), "not-a-uuid"])
def test_what_is_no_uuid_of_version_7_has_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        time_of(text)


def test_a_lease_from_before_bills_reads_with_what_it_lacks_unknown() -> None:
    content = content_of(LEASE)
    for added in ("resource_id", "attempt"):
        del content[added]
    old = from_bytes(seal(content), "x.json")
    assert isinstance(old, LeaseOpened)
    assert (old.resource_id, old.attempt) == (None, None)
    ended = content_of(CLOSED)
    del ended["stopped_source"]
    closed = from_bytes(seal(ended), "x.json")
    assert isinstance(closed, LeaseClosed)
    assert closed.stopped_source == "process"
