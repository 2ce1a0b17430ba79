"""GPUs are found by the names that people and catalogues give them."""

from __future__ import annotations

import pytest

from bench.billing.offers.query import canonical, exactly, gpu_or_cloud_meant, gpu_table, matches, skypilot_name


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("H100", "H100"),
        ("h100", "H100-SXM"),
        ("h100-80gb", "H100"),
        ("H100 80 GB", "H100-80GB"),
        ("NVIDIA H100", "H100"),
        ("nvidia-h100-sxm5", "H100-SXM"),
        ("Tesla V100", "V100"),
        ("v100_16gb", "V100"),
        ("V100", "V100-32GB"),
        ("A100", "A100-80GB"),
        ("a100-80GB", "A100-80GB"),
        ("A100-40GB", "A100"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM-80GB"),
        ("l40s", "L40S"),
        ("RTX4090", "NVIDIA GeForce RTX 4090"),
        ("RTX3090Ti", "NVIDIA GeForce RTX 3090 Ti"),
        ("RTXPro6000", "RTX-PRO-6000"),
        ("RTX6000-Ada", "RTX6000Ada"),
    ],
)
def test_spellings_of_one_gpu_match(asked: str, name: str) -> None:
    assert matches(asked, name)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("A10", "A10G"),
        ("A10", "A100"),
        ("H100", "H200"),
        ("A100-80GB", "A100"),
        ("V100-32GB", "V100"),
        ("H100-SXM", "H100"),
        ("H100-PCIE", "H100-SXM"),
        ("RTX3090", "NVIDIA GeForce RTX 3090 Ti"),
        ("RTX6000", "RTX6000-Ada"),
        ("H100-SXM", "NVIDIA H100 PCIe"),
        ("H200", "NVIDIA GH200 480GB"),
        ("", "H100"),
        ("???", "H100"),
    ],
)
def test_another_gpu_does_not(asked: str, name: str) -> None:
    assert not matches(asked, name)


@pytest.mark.parametrize(
    ("model", "memory", "name"),
    [
        ("A100", 40, "A100"),
        ("A100", 80, "A100-80GB"),
        ("V100", 16, "V100"),
        ("V100", 32, "V100-32GB"),
        ("A10G", 22, "A10G"),
        ("B200", 179, "B200"),
        ("K80", 12, "K80"),
        ("RTX PRO Server 6000", 96, "RTXPRO6000"),  # EC2 on a g7e
    ],
)
def test_a_model_is_named_with_its_memory_where_that_is_not_the_usual_one(model: str, memory: int, name: str) -> None:
    assert canonical(model, memory) == name


@pytest.mark.parametrize("row", gpu_table(), ids=lambda row: row["skypilot"])
def test_what_the_machine_says_matches_what_was_rented(row: dict[str, str]) -> None:
    for name in filter(None, (row["nvml"], *row["others"].split(";"))):
        assert matches(row["skypilot"], name)
        assert exactly(name) == exactly(row["skypilot"])
        assert skypilot_name(name) == row["skypilot"]


def test_no_name_means_two_gpus() -> None:
    names = [name for row in gpu_table() for name in (row["nvml"], *row["others"].split(";")) if name]
    assert len(set(names)) == len(names)


def test_a_name_with_hyphens_for_spaces_is_the_same() -> None:
    assert skypilot_name("NVIDIA-H100-80GB-HBM3") == "H100-SXM"


def test_a_name_that_nobody_knows_stays_as_it_is() -> None:
    assert skypilot_name("NVIDIA Z999") == "NVIDIA Z999"


@pytest.mark.parametrize(
    ("gpu", "cloud", "meant"),
    [
        ("B30", None, "B300"),
        ("h100-80gb", None, "H100"),
        ("A100-40GB", "aws", "A100"),
        ("H100", "lamda", "lambda"),
        ("H10", "lamda", "lambda"),
        ("h100", "AWS", None),
        ("tpu-v5e-8", "kubernetes", None),
        (None, None, None),
    ],
)
def test_a_name_that_nobody_knows_has_the_nearest(gpu: str | None, cloud: str | None, meant: str | None) -> None:
    assert gpu_or_cloud_meant(gpu, cloud) == (f"did you mean {meant}?" if meant else "")
