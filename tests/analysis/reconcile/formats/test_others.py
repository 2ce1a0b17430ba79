"""Documents that are no export of a bill: what to take instead is said, and no export is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.reconcile.formats import FILES, advice_for
from analysis.reconcile.formats.charge import Format
from analysis.reconcile.read_rows import read_rows
from bench.errors import UsageError

GOOGLE = "service.id,sku.id,usage_start_time,usage_end_time,resource.global_name,labels,cost,currency,credits"


@pytest.mark.parametrize(
    ("content", "instead"),
    [
        (GOOGLE, "FOCUS"),
        ('{"usage_start_time": "2026-11-20 12:00:00 UTC", "cost": "0.25", "credits": [], "labels": []}', "FOCUS"),
        ("billing_account_id,usage_start_time,usage_end_time,labels_key,labels_value,cost,currency", "BigQuery"),
        ("Billing account ID,SKU description,SKU ID,Credit type,Cost type,Cost ($)", "FOCUS"),
        ('"InvoiceID","RecordType","ItemDescription","UsageStartDate","CostBeforeTax","TotalCost"', "CUR 2\\.0"),
        ('"Service","EC2-Instances($)","Total costs($)"', "--cost-explorer"),
        ("lineItem/referenceNo,lineItem/intervalUsageStart,product/resourceId,cost/myCost", "FOCUS"),
        ("time,podId,amount,diskSpaceBilledGb", "--runpod"),
        ("Date,Instance type,Hours,Amount", "FOCUS 1\\.0"),
        ("Date,Product,Resource ID,Labels,Quantity,Cost,Currency", "lacks meterId"),
        ("账单月份,实例ID,应付金额", "FOCUS 1\\.0"),
    ],
)
def test_another_document_is_refused_with_what_to_take_instead(tmp_path: Path, content: str, instead: str) -> None:
    (tmp_path / "x.csv").write_text(f"{content}\n")
    with pytest.raises(UsageError, match=f"x\\.csv: .*{instead}"):
        list(read_rows(str(tmp_path / "x.csv")))


@pytest.mark.parametrize("form", FILES, ids=lambda form: str(form.source))
def test_no_export_is_taken_for_another_document(form: Format) -> None:
    names = [name for either in (*form.required, form.optional, *form.identity) for name in either]
    assert advice_for(names) is None
