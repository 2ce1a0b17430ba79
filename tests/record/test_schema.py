"""The exported JSON Schema is that of the models."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given

from bench.record.documents import LeaseClosed, LeaseOpened, Price, Run, json_schema, to_bytes, utc_now
from tests.support.builders import make_run, runs
from tests.support.schema import without_doubles

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
EXPORTED = Path(__file__).parents[2] / "docs" / "schema" / "record.json"


def test_the_exported_schema_is_up_to_date() -> None:
    """Mend it with `bench schema > docs/schema/record.json`."""
    assert without_doubles(json.loads(EXPORTED.read_text())) == without_doubles(json_schema())


PRICE = Price(amount="3.06", currency="USD", source="a list", seen="2026-11-01")


@given(runs())
def test_every_stored_run_fits_the_schema(run: Run) -> None:
    VALIDATOR.validate(json.loads(to_bytes(run)))


@pytest.mark.parametrize(
    "lease", [LeaseOpened(provider="aws", price=PRICE, started=utc_now()), LeaseClosed(stopped=utc_now())]
)
def test_every_stored_lease_fits_the_schema(lease: LeaseOpened | LeaseClosed) -> None:
    VALIDATOR.validate(json.loads(to_bytes(lease)))


@pytest.mark.parametrize("field", ["seed", "sha256", "target"])
def test_a_run_without_a_field_does_not_fit(field: str) -> None:
    content = json.loads(to_bytes(make_run()))
    del content[field]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(content)


@pytest.mark.parametrize(
    "name", ["x", "", "019AAB8C-6C00-7000-8000-000000000000", "019aab8c-6c00-4000-8000-000000000000"]
)
def test_what_is_no_id_of_a_document_does_not_fit(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(json.loads(to_bytes(make_run())) | {"id": name})
