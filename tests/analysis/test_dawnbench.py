"""The integrity of the file of published entries."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analysis.dawnbench import BASELINE, CLAIM_ENTRIES, claim_entries, published_entries


def test_all_entries_are_there_once():
    entries = published_entries()
    assert len(entries) == 31
    assert entries["file"].is_unique
    assert entries["file"].str.startswith("CIFAR10/train/").all()
    assert entries["codeURL"].str.startswith("https://github.com/").all()


def test_they_stand_in_the_order_of_their_times():
    assert published_entries()["time_to_94_s"].is_monotonic_increasing


def test_each_reached_94_percent():
    entries = published_entries()
    assert entries["acc_at_94"].between(94, 100).all()
    assert (entries["best_acc"] >= entries["acc_at_94"]).all()


def test_a_cost_is_time_by_price():
    for entry in published_entries().to_dict("records"):
        hourly, cost = entry["cost_per_hour_usd"], entry["cost_usd"]
        assert (hourly is None) == (cost is None)
        if hourly is not None:
            assert abs(Decimal(str(entry["time_to_94_s"])) * hourly / 3600 - cost) <= Decimal("0.00005"), entry["file"]


def test_the_entries_of_the_claim():
    claim = claim_entries()
    assert tuple(claim["file"]) == CLAIM_ENTRIES
    assert claim["file"][0] == BASELINE
    assert list(claim["author"]) == ["David Page", "fast.ai + students", "bkj", "fast.ai + students"]
    assert list(claim["time_to_94_s"]) == pytest.approx([74.04, 173.96, 340.63, 404.08], abs=0.005)
    assert list(claim["cost_usd"]) == [Decimal("0.0629"), Decimal("1.1829"), Decimal("0.2895"), Decimal("0.2582")]
