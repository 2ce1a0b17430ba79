"""The integrity of the file of published entries, and which of them are shown."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.published.dawnbench.entries import (
    BASELINE,
    CLAIM_ENTRIES,
    TARGET,
    Which,
    chosen_entries,
    gpu_count,
    published_documents,
    read_entries,
    shortlist,
)
from bench.record.documents import Published
from tests.support.checkouts import an_entry

ENTRIES = published_documents()


@pytest.fixture
def imported(tmp_path: Path) -> list[Published]:
    """Two entries of a checkout: David Page's, with another time, and one that is not in the file."""
    an_entry(tmp_path, "davidcpage_resnet9_1v100-ec2_pytorch", model="Imported")
    an_entry(tmp_path, "new")
    entries, errors = read_entries(tmp_path)
    assert not errors
    return entries


def files(entries: Iterable[Published]) -> list[str]:
    return [entry.source_file for entry in entries]


def seconds(entries: Iterable[Published]) -> list[float]:
    return [entry.time_to_target_s for entry in entries if entry.time_to_target_s is not None]


def test_all_entries_are_there_once() -> None:
    assert len(ENTRIES) == 31
    assert len({*files(ENTRIES)}) == 31
    assert all(entry.source_file.startswith("CIFAR10/train/") for entry in ENTRIES)
    assert all((entry.code_url or "").startswith("https://github.com/") for entry in ENTRIES)


def test_each_reached_94_percent_and_the_fastest_comes_first() -> None:
    assert len(seconds(ENTRIES)) == len(ENTRIES)
    assert seconds(ENTRIES) == sorted(seconds(ENTRIES))
    assert {entry.target.at_least for entry in ENTRIES} == {TARGET}


def test_a_cost_is_time_by_price() -> None:
    for entry in ENTRIES:
        assert (entry.cost_per_hour is None) == (entry.cost is None)
        if entry.cost is not None and entry.cost_per_hour is not None:
            exact = Decimal(str(entry.time_to_target_s)) * entry.cost_per_hour / 3600
            assert abs(exact - entry.cost) <= Decimal("0.00005"), entry.source_file


def test_the_entries_of_the_claim() -> None:
    claim = chosen_entries([], "claim")
    assert {*files(claim)} == {*CLAIM_ENTRIES}
    assert claim[0].source_file == BASELINE
    assert [entry.author for entry in claim] == ["David Page", "fast.ai + students", "bkj", "fast.ai + students"]
    assert [entry.time_to_target_s for entry in claim] == pytest.approx([74.04, 173.96, 340.63, 404.08], abs=0.005)
    assert [str(entry.cost) for entry in claim] == ["0.0629", "1.1829", "0.2895", "0.2582"]


@pytest.mark.parametrize(("which", "count"), [("none", 0), ("claim", 4), ("stored", 5), ("all", 32)])
def test_each_chosen_entry_is_there_once_and_the_imported_one_outranks_the_file_s(
    imported: list[Published], which: Which, count: int
) -> None:
    chosen = chosen_entries([*imported, *imported], which)
    assert len({*files(chosen)}) == len(chosen) == count
    assert all(entry.model == "Imported" for entry in chosen if entry.source_file == BASELINE)
    assert seconds(chosen) == sorted(seconds(chosen))


def test_a_shortlist_has_the_entries_of_the_claim_and_the_fastest_in_their_order() -> None:
    shown = shortlist(ENTRIES, 6)
    assert files(shown) == files([*ENTRIES[:2], *chosen_entries([], "claim")])
    assert shortlist(ENTRIES[:3], 6) == ENTRIES[:3]


GPUS = {
    "ajay_resnet9_4v100_pytorch": 4,
    "kakaobrain_custom-resnet9_4v100-braincloud_pytorch": 4,
    "lambda_BaiduNet9_lambda_cloud_single_pytorch": 4,
    "apple_resnet9_8v100_pytorch": 8,
    "BAIDU-USA-GAIT_BaiduNet9P_8GV100_pytorch": 8,
    "fastai_pytorch": 8,
    # The text names an instance type, or processors alone.
    "diux_cifar_p3": None,
    "diux_cifar_g3": None,
    "dawn_resnet164_nb_16vCPUs-gc_pytorch": None,
    "dawn_resnet164_nb_16vCPUs-gc_tensorflow": None,
    "dawn_resnet164_b_16vCPUs-gc_pytorch": None,
    "dawn_resnet164_b_16vCPUs-gc_tensorflow": None,
}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: Path(entry.source_file).stem)
def test_the_number_of_gpus_is_read_from_the_hardware(entry: Published) -> None:
    assert gpu_count(entry.hardware) == GPUS.get(Path(entry.source_file).stem, 1)
