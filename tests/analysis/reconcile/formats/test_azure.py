"""Rows of Azure's actual cost, under the columns of its agreements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.frames.leases import leases_of
from analysis.reconcile.formats.cells import column
from analysis.reconcile.reconcile import from_exports
from bench.record.documents import AnyDocument, Bill
from bench.store import FolderStore
from tests.support.charges import bills_of_rows, matched, write_csv
from tests.support.leases import IDS, closed, opened

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/b"
ROW: dict[str, Any] = {
    "billingCurrency": "USD",
    "billingPeriodStartDate": "11/01/2026",
    "billingPeriodEndDate": "11/30/2026",
    "chargeType": "Usage",
    "costInBillingCurrency": "0.1921",
    "date": "11/20/2026",
    "invoiceId": "",
    "meterName": "NC6s v3",
    "pricingModel": "OnDemand",
    "quantity": "0.0628",
    "resourceId": VM,
    "tags": f'"bench-lease": "{IDS[0]}","env": "dev"',
    "unitOfMeasure": "1 Hour",
}
ENTERPRISE = {
    "date": "Date",
    "billingCurrency": "BillingCurrencyCode",
    "costInBillingCurrency": "CostInBillingCurrency",
}
PAY_AS_YOU_GO = {
    "date": "UsageDateTime",
    "costInBillingCurrency": "PreTaxCost",
    "resourceId": "InstanceId",
    "billingCurrency": "Currency",
}
DOCUMENTS: list[AnyDocument] = [opened(provider="azure", resource_id="11111111-2222-3333-4444-555555555555"), closed()]


def bill_of(**changes: Any) -> Bill:
    row = {column(name): cell for name, cell in (ROW | changes).items()}
    (bill,) = bills_of_rows(row, leases=leases_of(DOCUMENTS), source="azure")
    return bill


def test_a_row_is_a_day_of_the_lease_that_its_tag_names() -> None:
    bill = bill_of()
    assert (bill.source, bill.joined_by, bill.billed_cost) == ("azure", "tag", Decimal("0.1921"))
    day = datetime(2026, 11, 20, tzinfo=UTC)
    assert (bill.charge_period_start, bill.charge_period_end) == (day, day + timedelta(days=1))
    assert bill.billing_period_start == day.replace(day=1)
    assert bill.charges[0].pricing_category == "Standard"
    assert "subscriptions" not in bill.model_dump_json()


def test_what_a_commitment_covers_has_an_unknown_effective_cost_and_its_name() -> None:
    bill = bill_of(pricingModel="SavingsPlan", benefitName="plan-1", costInBillingCurrency="0")
    assert (bill.billed_cost, bill.effective_cost, bill.charges[0].commitment) == (Decimal(0), None, "plan-1")


def test_a_billing_period_can_begin_in_mid_month_and_lasts_to_the_end_of_its_last_day() -> None:
    bill = bill_of(billingPeriodStartDate="10/22/2026", billingPeriodEndDate="11/21/2026")
    assert (bill.billing_period_start, bill.partial) == (datetime(2026, 10, 22, tzinfo=UTC), ("not-final",))


@pytest.mark.parametrize("start", ["01/11/2026", "12/01/2026"])
def test_a_billing_period_of_several_months_is_refused(start: str) -> None:
    cells = {column(name): cell for name, cell in (ROW | {"billingPeriodStartDate": start}).items()}
    result = matched(cells, leases=leases_of(DOCUMENTS), source="azure")
    assert ["x.csv:2: billingPeriodEndDate is not" in str(error) for error in result.errors] == [True]


AMORTIZED: list[dict[str, Any]] = [
    {"chargeType": "UnusedReservation", "pricingModel": "Reservation", "costInBillingCurrency": "46.9"},
    {"chargeType": "UnusedSavingsPlan"},
    {"pricingModel": "SavingsPlan", "costInBillingCurrency": "0.1244"},
]


@pytest.mark.parametrize("changes", AMORTIZED)
def test_a_file_of_amortized_cost_is_refused_whole(changes: dict[str, Any]) -> None:
    rows = [{column(name): cell for name, cell in row.items()} for row in (ROW, ROW | changes)]
    result = matched(*rows, leases=leases_of(DOCUMENTS), source="azure")
    assert (result.matched, [str(error).partition(": ")[0] for error in result.errors]) == ([], ["x.csv:3"])


def test_a_purchase_of_a_reservation_is_no_amortized_cost() -> None:
    assert bill_of(chargeType="Purchase", pricingModel="Reservation").billed_cost == Decimal("0.1921")


@pytest.mark.parametrize(("kind", "category"), [("Refund", "Credit"), ("Purchase", "Purchase"), ("Tax", "Tax")])
def test_kinds_of_charges_are_told_apart(kind: str, category: str) -> None:
    assert bill_of(chargeType=kind).charges[0].category == category


@pytest.mark.parametrize("names", [{}, ENTERPRISE, PAY_AS_YOU_GO])
def test_the_columns_of_each_agreement_are_read(tmp_path: Path, names: dict[str, str]) -> None:
    store = FolderStore(str(tmp_path / "store"))
    for document in DOCUMENTS:
        store.put(document)
    write_csv(tmp_path / "x.csv", {names.get(name, name): cell for name, cell in ROW.items()})
    result = from_exports([str(tmp_path / "x.csv")], store)
    assert (result.reconciliations[0].billed, result.errors) == (Decimal("0.1921"), [])


@pytest.mark.parametrize("own", ["Meter", "ResourceGroupName", "PreTaxCost"])
def test_a_download_of_cost_analysis_is_azures(own: str, tmp_path: Path) -> None:
    cells = {"UsageDate": "20261120", "ResourceId": VM, "Tags": ROW["tags"], "Currency": "USD"}
    write_csv(tmp_path / "x.csv", cells | {"Cost": "0.1921"} | {own: "0.1921"})
    store = FolderStore(str(tmp_path / "store"))
    for document in (opened(provider="azure"), closed()):
        store.put(document)
    (one,) = from_exports([str(tmp_path / "x.csv")], store).reconciliations
    assert one.billed == Decimal("0.1921")
