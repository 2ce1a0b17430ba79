"""Cost Explorer's answers as bills: moto's server gives the answers that a test puts there."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.reconcile.formats.aws import daily_charges
from analysis.reconcile.reconcile import from_cost_explorer
from bench.errors import BenchError
from bench.record.documents import Bill
from bench.store import FolderStore, read_all
from tests.support.leases import IDS, closed, opened
from tests.support.moto_server import moto_server, point_clients

Seed = Callable[..., None]


@pytest.fixture
def explorer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seed]:
    """`explorer(*answers)`: what Cost Explorer says, an answer a request."""
    with moto_server() as address:
        point_clients(monkeypatch, "AWS_ENDPOINT_URL_COST_EXPLORER", address)

        def seed(*answers: dict[str, Any]) -> None:
            body = json.dumps({"results": answers}).encode()
            url = f"{address}/moto-api/static/ce/cost-and-usage-results"
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request).close()

        try:
            yield seed
        finally:
            urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST")).close()


def group(key: str, kind: str, amount: str, amortized: str | None = None) -> dict[str, Any]:
    costs = {"UnblendedCost": amount, "NetAmortizedCost": amortized or amount}
    metrics = {name: {"Amount": cost, "Unit": "USD"} for name, cost in costs.items()}
    return {"Keys": [f"bench-lease${key}", kind], "Metrics": metrics}


def day(*groups: dict[str, Any], number: int = 20, estimated: bool = False) -> dict[str, Any]:
    period = {"Start": f"2026-11-{number}", "End": f"2026-11-{number + 1}"}
    return {"TimePeriod": period, "Total": {}, "Groups": list(groups), "Estimated": estimated}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(str(tmp_path / "store"))
    for document in (opened(), closed(), opened(1, resource_id="i-0def"), closed(1)):
        store.put(document)
    return store


def test_tagged_charges_become_bills_over_all_pages(explorer: Seed, store: FolderStore) -> None:
    first = {"ResultsByTime": [day(group(IDS[0], "Usage", "0.1921"), group("", "Usage", "99"))], "NextPageToken": "2"}
    second = {"ResultsByTime": [day(group(IDS[0], "Tax", "0.0384")), day(group("gone", "Usage", "1"), number=23)]}
    explorer(first, second)
    result = from_cost_explorer(None, store)
    billed, waiting = result.reconciliations
    assert billed.billed == Decimal("0.2305")
    assert [(charge.category, charge.description) for charge in billed.bills[0].charges] == [
        ("Tax", "Tax"),
        ("Usage", "Usage"),
    ]
    assert (billed.partial, waiting.bills) == ((), ())
    assert result.matched.orphans == {"gone": 1}
    assert not result.errors


def test_what_a_savings_plan_covers_is_billed_as_nothing_and_has_its_effective_cost(
    explorer: Seed, store: FolderStore
) -> None:
    covered = group(IDS[0], "SavingsPlanCoveredUsage", "0.1921", "0.13")
    negation = group(IDS[0], "SavingsPlanNegation", "-0.1921")
    discount = group(IDS[0], "Enterprise Discount Program Discount", "-0.01", "0")
    explorer({"ResultsByTime": [day(covered, negation, discount)]})
    (bill,) = from_cost_explorer(None, store).reconciliations[0].bills
    assert (bill.billed_cost, bill.effective_cost) == (Decimal("-0.01"), Decimal("0.13"))
    assert {charge.commitment: charge.category for charge in bill.charges if charge.commitment} == {
        "Savings Plan": "Usage"
    }
    assert [charge.category for charge in bill.charges if charge.billed_cost] == ["Credit"]


def test_an_estimated_day_is_a_partial_bill_and_the_final_one_replaces_it(explorer: Seed, store: FolderStore) -> None:
    explorer({"ResultsByTime": [day(group(IDS[0], "Usage", "0.1"), estimated=True)]})
    assert from_cost_explorer(date(2026, 11, 1), store).reconciliations[0].partial == ("not-final",)
    explorer({"ResultsByTime": [day(group(IDS[0], "Usage", "0.1921"))]})
    (one, _) = from_cost_explorer(date(2026, 11, 2), store).reconciliations
    assert (one.billed, one.partial) == (Decimal("0.1921"), ())
    documents, _ = read_all(store)
    assert sum(isinstance(document, Bill) for document in documents) == 2


def test_what_cannot_be_read_of_an_answer_is_named_and_skipped(explorer: Seed, store: FolderStore) -> None:
    broken = [group(IDS[0], "Usage", "much"), {"Keys": [], "Metrics": {}}]
    explorer({"ResultsByTime": [day(*broken, group(IDS[0], "Usage", "0.1")), {"Groups": []}]})
    result = from_cost_explorer(None, store)
    assert result.reconciliations[0].billed == Decimal("0.1")
    assert len(result.errors) == 3


def test_a_store_without_a_lease_on_aws_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(str(tmp_path))
    store.check_writable()
    monkeypatch.setattr("analysis.reconcile.formats.aws.daily_charges", lambda *_: pytest.fail("a request is $0.01"))
    assert from_cost_explorer(None, store).reconciliations == []


def test_cost_explorer_that_cannot_be_asked_is_one_line_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(BenchError, match="Cost Explorer") as caught:
        list(daily_charges(date(2026, 11, 1), date(2026, 11, 2)))
    assert "secret" not in str(caught.value)
