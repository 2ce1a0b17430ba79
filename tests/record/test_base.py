"""Canonical JSON: one content, one spelling, one checksum."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.sealed import CHECKSUM_FIELD, canonical_json, seal, unaltered

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
contents = st.dictionaries(st.text(), values, max_size=5)


def checksum(content: dict[str, Any]) -> str:
    return str(json.loads(seal(content))[CHECKSUM_FIELD])


def test_the_spelling_has_sorted_keys_no_padding_and_plain_utf8() -> None:
    assert canonical_json({"b": [1, 2.5], "a": "é\n"}) == '{"a":"é\\n","b":[1,2.5]}'.encode()


def test_the_checksum_is_sha256_over_the_canonical_bytes() -> None:
    assert checksum({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_a_sealed_document_is_canonical_and_ends_in_a_newline() -> None:
    digest = checksum({"t": 1, "a": 2})
    assert seal({"t": 1, "a": 2}) == f'{{"a":2,"{CHECKSUM_FIELD}":"{digest}","t":1}}\n'.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"loss": number})


@given(contents)
def test_content_survives_the_round_trip(content: dict[str, Any]) -> None:
    assert json.loads(canonical_json(content)) == content


@given(contents)
def test_the_order_of_keys_does_not_matter(content: dict[str, Any]) -> None:
    backwards = dict(reversed(content.items()))
    assert canonical_json(backwards) == canonical_json(content)
    assert checksum(backwards) == checksum(content)


@given(contents, st.text())
def test_the_checksum_ignores_only_its_own_field(content: dict[str, Any], old: str) -> None:
    assert checksum({**content, CHECKSUM_FIELD: old}) == checksum(
        {key: value for key, value in content.items() if key != CHECKSUM_FIELD}
    )


@given(contents)
def test_a_sealed_document_is_the_one_spelling_of_its_content_and_checksum(content: dict[str, Any]) -> None:
    bare = {key: value for key, value in content.items() if key != CHECKSUM_FIELD}
    digest = hashlib.sha256(canonical_json(bare)).hexdigest()
    assert seal(content) == canonical_json({**content, CHECKSUM_FIELD: digest}) + b"\n"


@given(contents)
def test_sealing_a_sealed_document_changes_nothing(content: dict[str, Any]) -> None:
    sealed = seal(content)
    assert seal(json.loads(sealed)) == sealed


def test_a_whole_number_a_float_and_a_boolean_are_different_content() -> None:
    assert len({checksum({"n": number}) for number in map(json.loads, ["1", "1.0", "true", '"1"'])}) == 4


@given(contents, st.data())
def test_a_sealed_document_with_any_byte_changed_is_not_unaltered(content: dict[str, Any], data: st.DataObject) -> None:
    raw = seal(content)
    assert unaltered(raw, json.loads(raw))
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[at]))]) + raw[at + 1 :]
    try:
        read = json.loads(changed)
    except ValueError:
        return
    assert not isinstance(read, dict) or not unaltered(changed, read)


@given(contents)
def test_space_that_json_does_not_mind_is_a_change(content: dict[str, Any]) -> None:
    raw = seal(content)
    for spaced in (raw.replace(b"{", b"{ ", 1), raw + b"\n", raw.rstrip(), raw.replace(b',"sha256"', b', "sha256"')):
        assert spaced == raw or not unaltered(spaced, json.loads(spaced))
