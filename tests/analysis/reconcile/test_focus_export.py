"""Estimates as FOCUS: what is known, as a validator takes it and as our own reader reads it back."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.frames.leases import leases_of
from analysis.reconcile.focus_export import as_focus
from analysis.reconcile.formats.cells import column
from analysis.reconcile.formats.charge import tag_of
from bench.record.documents import AnyDocument
from tests.support.charges import bills_of_rows, matched
from tests.support.leases import IDS, closed, opened

# The path of the program, in an environment of its own: it needs older packages than bench does.
VALIDATOR = os.environ.get("BENCH_FOCUS_VALIDATOR")
DOCUMENTS: list[AnyDocument] = [opened(), closed(), opened(1, resource_id="i-0def"), closed(1, after=7200)]


def table(documents: list[AnyDocument]) -> list[dict[str, str]]:
    return list(csv.DictReader(as_focus(documents)[0].splitlines()))


def test_a_row_says_what_the_lease_should_cost_and_that_it_is_an_estimate() -> None:
    first, second = table(DOCUMENTS)
    assert first["BilledCost"] == first["ListCost"] == "0.1904"  # 224 s at 3.06 an hour
    assert (first["x_Estimated"], first["BillingCurrency"], first["PricingCategory"]) == ("true", "USD", "Standard")
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert json.loads(second["Tags"]) == {"bench-lease": IDS[1]}
    hours = Decimal(second["PricingQuantity"]) * Decimal(second["ListUnitPrice"])
    assert hours == pytest.approx(Decimal(second["ListCost"]))


def test_a_lease_of_unknown_cost_is_left_out_and_named() -> None:
    text, unknown = as_focus([opened(), opened(1, price=None), closed(1)])
    assert len(text.splitlines()) == 1
    assert [str(error) for error in unknown] == [
        f"lease {IDS[0]} is left out: the lease is not closed",
        f"lease {IDS[1]} is left out: no price",
    ]


OF_ONES_OWN: dict[str, Any] = {
    "provider": "own",
    "region": None,
    "zone": None,
    "instance_type": None,
    "resource_id": None,
    "started_source": "process",
}


def test_a_machine_of_ones_own_is_there_with_a_price() -> None:
    priced, free = opened(**OF_ONES_OWN), opened(1, **OF_ONES_OWN, price=None)
    text, unknown = as_focus([priced, closed(after=3600), free, closed(1)])
    (row,) = csv.DictReader(text.splitlines())
    assert (row["ProviderName"], row["InvoiceIssuerName"], row["SkuId"]) == ("own", "own", "own")
    assert (row["BilledCost"], row["BillingCurrency"], row["ChargeDescription"]) == (
        "3.06",
        "USD",
        "Virtual machine, as estimated by bench",
    )
    assert unknown == []
    _, unknown = as_focus([priced])
    assert [str(error) for error in unknown] == [f"lease {IDS[0]} is left out: the lease is not closed"]


def test_our_own_reader_refuses_it_as_estimates_and_reads_all_else() -> None:
    rows = [{column(name): cell for name, cell in row.items()} for row in table(DOCUMENTS)]
    refused = matched(*rows, leases=leases_of(DOCUMENTS))
    assert (refused.matched, len(refused.errors), {row.pop("xestimated") for row in rows}) == ([], 1, {"true"})
    assert [tag_of(row["tags"]) for row in rows] == IDS[:2]
    bills = bills_of_rows(*rows, leases=leases_of(DOCUMENTS))
    assert [bill.billed_cost for bill in bills] == [Decimal("0.1904"), Decimal("6.0945")]


def test_names_from_records_are_one_cell_each_without_control_characters() -> None:
    (row,) = table([opened(region='eu,"\n\x1b[2J', zone="=1+1"), closed()])
    assert (row["RegionId"], row["AvailabilityZone"]) == ('eu," [2J', "'=1+1")


@pytest.mark.slow
@pytest.mark.skipif(VALIDATOR is None, reason="BENCH_FOCUS_VALIDATOR names no focus-validator; see make focus-venv")
def test_focus_validator_accepts_the_file(tmp_path: Path) -> None:
    assert VALIDATOR is not None
    documents = [*DOCUMENTS, opened(2, **OF_ONES_OWN), closed(2, after=3600)]
    (tmp_path / "focus.csv").write_text(as_focus(documents)[0])
    packages = next(Path(VALIDATOR).parents[1].glob("lib/python3*/site-packages"))
    result = subprocess.run(
        [VALIDATOR, "--data-file", str(tmp_path / "focus.csv"), "--validate-version", "1.0"],
        cwd=packages,  # it opens its list of currencies by a relative path
        capture_output=True,
        text=True,
        check=False,
    )
    # Its exit code is 0 whatever it finds.
    assert "Validation succeeded" in result.stdout, result.stdout + result.stderr
