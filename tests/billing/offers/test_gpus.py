"""GPUs are found by the names that people and catalogues give them."""

from __future__ import annotations

import pytest

from bench.billing.offers.gpus import canonical, matches


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
    ],
)
def test_spellings_of_one_gpu_match(asked, name):
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
        ("", "H100"),
        ("???", "H100"),
    ],
)
def test_another_gpu_does_not(asked, name):
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
    ],
)
def test_a_model_is_named_with_its_memory_where_that_is_not_the_usual_one(model, memory, name):
    assert canonical(model, memory) == name
