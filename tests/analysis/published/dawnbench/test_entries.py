"""The integrity of the file of published entries, and which of them are shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analysis.published.dawnbench.entries import (
    BASELINE,
    CLAIM_ENTRIES,
    TARGET,
    chosen_entries,
    published_documents,
    shortlist,
)
from analysis.published.dawnbench.importer import read_entries
from tests.support.checkouts import an_entry

ENTRIES = published_documents()


@pytest.fixture
def imported(tmp_path):
    """Two entries of a checkout: David Page's, with another time, and one that is not in the file."""
    an_entry(tmp_path, "davidcpage_resnet9_1v100-ec2_pytorch", model="Imported")
    an_entry(tmp_path, "new")
    entries, errors = read_entries(tmp_path)
    assert not errors
    return entries


def files(entries):
    return [entry.source_file for entry in entries]


def test_all_entries_are_there_once():
    assert len(ENTRIES) == 31
    assert len({*files(ENTRIES)}) == 31
    assert all(entry.source_file.startswith("CIFAR10/train/") for entry in ENTRIES)
    assert all(entry.code_url.startswith("https://github.com/") for entry in ENTRIES)


def test_each_reached_94_percent_and_the_fastest_comes_first():
    times = [entry.time_to_target_s for entry in ENTRIES]
    assert times == sorted(times)
    assert {entry.target.at_least for entry in ENTRIES} == {TARGET}


def test_a_cost_is_time_by_price():
    for entry in ENTRIES:
        assert (entry.cost_per_hour is None) == (entry.cost is None)
        if entry.cost is not None:
            exact = Decimal(str(entry.time_to_target_s)) * entry.cost_per_hour / 3600
            assert abs(exact - entry.cost) <= Decimal("0.00005"), entry.source_file


def test_the_entries_of_the_claim():
    claim = chosen_entries([], "claim")
    assert {*files(claim)} == {*CLAIM_ENTRIES}
    assert claim[0].source_file == BASELINE
    assert [entry.author for entry in claim] == ["David Page", "fast.ai + students", "bkj", "fast.ai + students"]
    assert [entry.time_to_target_s for entry in claim] == pytest.approx([74.04, 173.96, 340.63, 404.08], abs=0.005)
    assert [str(entry.cost) for entry in claim] == ["0.0629", "1.1829", "0.2895", "0.2582"]


@pytest.mark.parametrize(("which", "count"), [("none", 0), ("claim", 4), ("stored", 5), ("all", 32)])
def test_each_chosen_entry_is_there_once_and_the_imported_one_outranks_the_file_s(imported, which, count):
    chosen = chosen_entries([*imported, *imported], which)
    assert len({*files(chosen)}) == len(chosen) == count
    assert all(entry.model == "Imported" for entry in chosen if entry.source_file == BASELINE)
    assert [entry.time_to_target_s for entry in chosen] == sorted(entry.time_to_target_s for entry in chosen)


def test_a_few_are_those_of_the_claim_and_the_fastest_in_their_order():
    shown = shortlist(ENTRIES, 6)
    assert files(shown) == files([*ENTRIES[:2], *chosen_entries([], "claim")])
    assert shortlist(ENTRIES[:3], 6) == ENTRIES[:3]
