"""Lines of AWS's Cost and Usage Report."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.frames.leases import leases_of
from analysis.reconcile.formats.cells import column
from analysis.reconcile.reconcile import from_exports
from bench.record.documents import Bill
from bench.store import FolderStore
from tests.support.charges import bills_of_rows, write_csv
from tests.support.leases import IDS, closed, opened

LINE: dict[str, Any] = {
    "bill_billing_period_start_date": "2026-11-01T00:00:00.000Z",
    "bill_invoice_id": "",
    "line_item_currency_code": "USD",
    "line_item_line_item_description": "$3.06 per On Demand Linux p3.2xlarge Instance Hour of 111122223333",
    "line_item_line_item_type": "Usage",
    "line_item_net_unblended_cost": "0.1800",
    "line_item_resource_id": "i-0abc",
    "line_item_unblended_cost": "0.1921",
    "line_item_usage_amount": "0.0628",
    "line_item_usage_end_date": "2026-11-20T13:00:00.000Z",
    "line_item_usage_start_date": "2026-11-20T12:00:00.000Z",
    "line_item_usage_type": "BoxUsage:p3.2xlarge",
    "pricing_public_on_demand_cost": "0.1921",
    "pricing_unit": "Hrs",
    "resource_tags": "{}",
}
LEASES = leases_of([opened(), closed()])
PLAN = "arn:aws:savingsplans::111122223333:savingsplan/sp-1"


def bill_of(*lines: dict[str, Any]) -> Bill:
    (bill,) = bills_of_rows(
        *({column(name): cell for name, cell in (LINE | line).items()} for line in lines), leases=LEASES, source="cur2"
    )
    return bill


def test_a_line_becomes_a_charge_without_the_account() -> None:
    bill = bill_of({})
    (charge,) = bill.charges
    assert (bill.billed_cost, bill.effective_cost) == (Decimal("0.1921"), Decimal("0.1800"))
    assert (bill.source, bill.joined_by, bill.partial) == ("cur2", "resource-id", ("not-final",))
    assert (charge.quantity, charge.unit) == (Decimal("0.0628"), "Hrs")
    assert "111122223333" not in bill.model_dump_json()


@pytest.mark.parametrize(
    "tags",
    [
        {"resource_tags": f'{{"user_bench_lease": "{IDS[0]}"}}'},
        {"resource_tags": [("user_bench_lease", IDS[0])]},
        {"resource_tags_user_bench_lease": IDS[0]},
        {"tags": f'{{"resourceTags/user:bench-lease": "{IDS[0]}"}}'},
        {"tags": [("resourceTags/user:env", "dev"), ("resourceTags/user:bench-lease", IDS[0])]},
        {"resourceTags/user:bench-lease": IDS[0]},
    ],
)
def test_the_tag_is_read_among_others_or_in_a_column_of_its_own(tags: dict[str, Any]) -> None:
    assert bill_of({"line_item_resource_id": "vol-1"} | tags).joined_by == "tag"


@pytest.mark.parametrize("column", ["resource_tags", "tags", "resource_tags_user_bench_lease"])
def test_a_column_of_tags_that_says_nothing_names_no_lease(column: str) -> None:
    assert bill_of({column: "nan"}).joined_by == "resource-id"


def test_taxes_credits_and_refunds_are_told_apart() -> None:
    discounts = ["EdpDiscount", "SppDiscount", "RiVolumeDiscount", "PrivateRateDiscount"]
    kinds = ["Usage", "Tax", "Credit", "Refund", *discounts, "SavingsPlanRecurringFee"]
    bill = bill_of(*({"line_item_line_item_type": kind, "line_item_unblended_cost": "1"} for kind in kinds))
    assert {charge.category: charge.rows for charge in bill.charges} == {
        "Credit": 6,
        "Purchase": 1,
        "Tax": 1,
        "Usage": 1,
    }


def test_what_a_savings_plan_covers_is_billed_as_nothing_and_has_its_effective_cost() -> None:
    plan = {"savings_plan_savings_plan_a_r_n": PLAN, "savings_plan_savings_plan_effective_cost": "0.13"}
    bill = bill_of(
        {"line_item_line_item_type": "SavingsPlanCoveredUsage", **plan},
        {"line_item_line_item_type": "SavingsPlanNegation", "line_item_unblended_cost": "-0.1921"},
    )
    assert (bill.billed_cost, bill.effective_cost) == (Decimal(0), Decimal("0.13"))
    assert {charge.commitment for charge in bill.charges} == {None, "Savings Plan sp-1"}


def test_spot_is_told_by_the_kind_of_usage() -> None:
    assert bill_of({"line_item_usage_type": "SpotUsage:p3.2xlarge"}).charges[0].pricing_category == "Dynamic"


@pytest.mark.parametrize("form", ["csv", "parquet", "legacy"])
def test_a_report_is_known_by_its_columns(tmp_path: Path, form: str) -> None:
    store = FolderStore(str(tmp_path / "store"))
    for document in (opened(), closed()):
        store.put(document)
    file = tmp_path / ("x.parquet" if form == "parquet" else "x.csv")
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([LINE | {"line_item_unblended_cost": 0.1921}]), file)
    else:
        line = {legacy(name): cell for name, cell in LINE.items()} if form == "legacy" else LINE
        write_csv(file, line)
    result = from_exports([str(file)], store)
    assert (result.reconciliations[0].billed, result.errors) == (Decimal("0.1921"), [])


def legacy(name: str) -> str:
    """`lineItem/UnblendedCost` of `line_item_unblended_cost`."""
    for group in ("bill", "line_item", "pricing"):
        if name.startswith(f"{group}_"):
            first, *words = group.split("_")
            rest = "".join(word.capitalize() for word in name.removeprefix(f"{group}_").split("_"))
            return f"{first}{''.join(word.capitalize() for word in words)}/{rest}"
    return name
