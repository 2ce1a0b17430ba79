"""What a GPU can be expected to do, against what is published of the recipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bench.billing.prices import price_book
from bench.recipes import find
from bench.sweep.planning.duration import History, time_of_run
from bench.sweep.planning.peaks import EXPECTED, LEAST, Peak, peak, peaks, speed

ROOT = Path(__file__).parents[3]
# Recipe, GPU, how many, seconds as published.
PUBLISHED = [
    ("bkj", "V100", 1, 340.63),
    ("fastai-wrn", "V100", 1, 404.08),
    ("fastai-wrn", "V100", 8, 173.96),
    ("myrtle", "V100", 1, 74.04),
    ("myrtle-tricks", "V100", 1, 26.0),
    ("myrtle-tricks-13ep", "V100", 1, 34.0),
    ("hlb", "A100", 1, 6.3),
    ("airbench94", "A100", 1, 3.09),
    ("airbench94-muon", "A100", 1, 2.59),
]


@pytest.mark.parametrize("row", peaks(), ids=lambda row: row.gpu)
def test_every_row_has_its_source_and_figures_of_a_gpu(row: Peak) -> None:
    assert row.source.startswith("https://")
    assert row.read
    assert 0 < row.float32 < row.half < 10_000  # TFLOP/s
    assert 0.1 < row.memory < 20  # TB/s


def test_no_gpu_is_there_twice() -> None:
    names = [row.gpu for row in peaks()]
    assert len(set(names)) == len(names)


def test_every_gpu_of_the_task_files_and_of_the_price_book_has_a_row() -> None:
    named = {offer.accelerators.name for offer in price_book()}
    for path in (ROOT / "sky").glob("*.yaml"):
        for choice in yaml.safe_load(path.read_text())["resources"].get("any_of", []):
            named |= {choice["accelerators"].partition(":")[0]} if "accelerators" in choice else set()
    assert {name for name in named if peak(name) is None} == set()


@pytest.mark.parametrize(("recipe", "gpu", "ranks", "seconds"), PUBLISHED)
def test_published_times_lie_within_the_upper_bound_and_near_what_is_expected(
    recipe: str, gpu: str, ranks: int, seconds: float
) -> None:
    length = time_of_run(recipe, gpu, ranks, History())
    assert length is not None
    assert length.basis == "extrapolated"
    assert 0.75 * length.expected < seconds < length.upper


def test_the_shares_of_the_peak_are_those_of_the_docstring() -> None:
    """29 to 37 % since 2018-11, 13 and 25 % on one GPU before, 9 % on eight."""
    shares = {}
    for recipe, gpu, ranks, seconds in PUBLISHED:
        known, sheet = find(recipe), peak(gpu)
        tflop = known.tflop if ranks == 1 else known.tflop_parallel
        assert tflop is not None
        assert sheet is not None
        shares[recipe, ranks] = round(tflop / sheet.half / ranks / seconds, 2)
    old = {("bkj", 1): 0.13, ("fastai-wrn", 1): 0.25, ("fastai-wrn", 8): 0.09}
    assert {key: shares.pop(key) for key in old} == old
    assert (min(shares.values()), max(shares.values())) == (0.29, 0.37)
    assert min(shares.values()) == pytest.approx(EXPECTED, abs=0.011)
    assert min(old.values()) == LEAST


def test_float32_goes_by_its_own_peak() -> None:
    """dawn-resnet164 took 9,101 s on a P100, whose peak is 9.3 TFLOP/s where a V100's is 15.7."""
    length = time_of_run("dawn-resnet164", "V100", 1, History())
    assert length is not None
    assert length.expected < 9101 * 9.3 / 15.7 < length.upper


def test_slow_memory_lowers_what_is_reached() -> None:
    expected = {
        "A100": 0.30 * 312,
        "L4": 0.30 * 121 * (0.3 / 121) / (1.555 / 312),
        "V100": 0.30 * 125,  # faster for its arithmetic than an A100's
    }
    for gpu, tflops in expected.items():
        reached = speed(gpu, half=True)
        assert reached is not None
        assert reached.expected == pytest.approx(tflops)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("H100", "H100-PCIe"),
        ("H100-SXM", "H100-SXM"),
        ("H100-80GB", "H100-PCIe"),
        ("A100", "A100"),
        ("A100-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("V100-32GB", "V100"),
        ("t4", "T4"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM"),
        ("RTX-PRO-6000", "RTXPRO6000"),
        ("NVIDIA B300 SXM6 AC", "B300"),
    ],
)
def test_a_name_finds_its_data_sheet_and_of_several_the_slowest(name: str, row: str) -> None:
    sheet = peak(name)
    assert sheet is not None
    assert sheet.gpu == row


def test_of_a_gpu_without_a_data_sheet_nothing_is_known() -> None:
    assert peak("K80") is None
    assert speed("K80", half=True) is None
    assert time_of_run("myrtle", "K80", 1, History()) is None


def test_the_docstring_names_the_shares_that_are_used() -> None:
    from bench.sweep.planning import peaks as module

    assert re.findall(r"So (\d+) % is expected and (\d+) % is the least", module.__doc__ or "") == [
        (f"{100 * EXPECTED:.0f}", f"{100 * LEAST:.0f}")
    ]
