"""The extract of SkyPilot's catalogue: each row as it is written, and no price that is none.

A catalogue has held the least bid of an auction, 0.01 an hour, as if it were a price, and discounted prices of Google
as those on demand: both fail here.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib.resources import files

import pytest

from bench.billing.offers.query import exactly
from bench.billing.prices import Offer, catalogue_extract, find_offer
from bench.record.documents import Accelerators
from bench.sweep.planning.peaks import peak

LINES = files("bench.billing").joinpath("catalogue.csv").read_text(encoding="utf-8").splitlines()
ROWS = list(csv.DictReader((line for line in LINES if not line.startswith("#")), strict=True))
EXTRACT = catalogue_extract()
# USD for an hour of one GPU; and, where its data sheet is here, for an hour of one PFLOP/s in half precision.
LEAST, MOST = Decimal("0.05"), Decimal(20)
LEAST_OF_PFLOPS, MOST_OF_PFLOPS = 0.5, 40.0

# The day before which a version of the catalogue was not there.
BEGUN = {"v6": date(2024, 12, 13), "v8": date(2025, 10, 1), "v9": date(2026, 7, 9)}


def sane(offer: Offer) -> bool:
    """Whether it can be the price of such a GPU."""
    if offer.per_gpu is None or not LEAST <= offer.per_gpu <= MOST:
        return False
    sheet = peak(offer.accelerators.name)
    return sheet is None or LEAST_OF_PFLOPS <= 1000 * float(offer.per_gpu) / sheet.half <= MOST_OF_PFLOPS


def test_a_price_is_one_that_such_a_gpu_can_have() -> None:
    assert [offer.name for offer in EXTRACT if not sane(offer)] == []


@pytest.mark.parametrize("amount", ["0.01", "0.04", "25", "50"])
def test_a_bid_and_the_price_of_eight_are_no_price_of_one(amount: str) -> None:
    one = next(offer for offer in EXTRACT if offer.accelerators == Accelerators(name="H100", count=1))
    assert not sane(replace(one, amount=Decimal(amount)))


def test_a_row_says_where_it_is_from_and_the_day_on_which_that_version_was_begun() -> None:
    told = [re.fullmatch(r"SkyPilot catalogue (v\d) \([0-9a-f]{8}\), of that day or later", o.source) for o in EXTRACT]
    assert [offer.seen for offer in EXTRACT] == [version and BEGUN[version[1]] for version in told]


def test_a_row_is_of_a_machine_an_hour_in_dollars() -> None:
    assert {(offer.unit, offer.currency) for offer in EXTRACT} == {("machine-hour", "USD")}
    assert {offer.category for offer in EXTRACT} == {"Standard", "Dynamic"}
    assert [offer.provider for offer in EXTRACT if not re.fullmatch(r"[a-z]+", offer.provider)] == []
    assert [o.name for o in EXTRACT if not re.fullmatch(r"[A-Za-z0-9._:+-]+", o.instance_type)] == []


def test_a_name_is_of_one_machine_with_its_gpus() -> None:
    """Google's n1 machines take GPUs of several models: the name of one alone would be that of several prices."""
    named = {(offer.name, offer.category) for offer in EXTRACT}
    assert len(named) == len(EXTRACT)
    assert find_offer("gcp:n1-highmem-8+V100:1", catalogue=True).hourly == Decimal("2.95321")


def test_gcp_s_prices_are_of_the_machine_and_its_gpus_together() -> None:
    """As read: `a3-highgpu-8g` without GPUs costs 9.46006 in us-east4, and eight H100 78.37241."""
    assert find_offer("gcp:a3-highgpu-8g", catalogue=True).hourly == Decimal("9.46006") + Decimal("78.37241")


def test_amounts_are_as_the_catalogue_writes_them() -> None:
    assert [str(offer.amount) for offer in EXTRACT] == [row["amount"] for row in ROWS]
    assert all(re.fullmatch(r"\d+(\.\d+)?", row["amount"]) for row in ROWS)


def test_one_machine_is_the_cheapest_of_its_cloud_gpu_count_and_category() -> None:
    keys = [(offer.provider, offer.accelerators.name, offer.accelerators.count, offer.category) for offer in EXTRACT]
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert [key[:3] for key in keys] == sorted(key[:3] for key in keys)


def test_spot_is_below_the_price_on_demand() -> None:
    prices = {(offer.provider, str(offer.accelerators), offer.category): offer.amount for offer in EXTRACT}
    both = [key[:2] for key in prices if key[2] == "Dynamic" and (*key[:2], "Standard") in prices]
    assert len(both) >= 20
    assert [key for key in both if (prices[*key, "Dynamic"] or 0) >= (prices[*key, "Standard"] or 0)] == []


@pytest.mark.parametrize(
    "gpu", ["V100", "A100", "H100", "H200", "B200", "B300", "L4", "L40S", "GH200", "A10", "RTX4090"]
)
def test_a_gpu_that_people_ask_for_is_in_it(gpu: str) -> None:
    assert any(exactly(offer.accelerators.name) == exactly(gpu) for offer in EXTRACT)


def test_what_is_in_it_and_what_is_not_stands_on_top() -> None:
    top = " ".join(line.removeprefix("# ") for line in LINES if line.startswith("#"))
    for cloud in {offer.provider for offer in EXTRACT} - {
        "nebius",
        "hyperbolic",
        "verda",
    }:  # those whole, no word needed
        assert re.search(rf"\b{cloud}\b[^.]*:", top)
    assert "Not read: scaleway" in top


def test_its_clouds_and_how_many_machines_each_has() -> None:
    assert Counter(offer.provider for offer in EXTRACT) == {
        "aws": 15,
        "azure": 15,
        "cudo": 28,
        "do": 2,
        "fluidstack": 1,
        "gcp": 63,
        "hyperbolic": 3,
        "hyperstack": 24,
        "ibm": 1,
        "jarvislabs": 16,
        "lambda": 19,
        "nebius": 13,
        "oci": 25,
        "paperspace": 13,
        "runpod": 4,
        "seeweb": 13,
        "shadeform": 47,
        "vast": 36,
        "verda": 28,
    }
