"""The GPUs that a program sees, by what nvidia-smi prints."""

import os
from pathlib import Path

import pytest

from bench.programs.host import cores, cpu_features, cpu_name, visible_gpus

LINES = "0, GPU-aaaa-1, NVIDIA H100 80GB HBM3, 570.86\n1, GPU-aabb-2, NVIDIA H100 80GB HBM3, 570.86\n"


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with a host of two GPUs."""
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\nprintf '{LINES}'\n".replace("\n1,", "\\n1,").replace("86\n'", "86\\n'"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return {}


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, ["GPU-aaaa-1", "GPU-aabb-2"]),
        ("", []),
        ("1", ["GPU-aabb-2"]),
        ("1,0", ["GPU-aabb-2", "GPU-aaaa-1"]),
        ("GPU-aabb", ["GPU-aabb-2"]),
        ("GPU-aa", []),  # of both
        ("0,-1,1", ["GPU-aaaa-1"]),
        ("7", []),
    ],
)
def test_what_is_visible(visible: str | None, seen: list[str], environ: dict[str, str]) -> None:
    gpus = visible_gpus(environ | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}))
    assert [gpu.uuid for gpu in gpus] == seen
    assert {(gpu.name, gpu.driver) for gpu in gpus} <= {("NVIDIA H100 80GB HBM3", "570.86")}


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "printf 'a, b\\n'"])
def test_a_host_without_a_gpu(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert visible_gpus({}) == []


def test_a_host_without_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus({}) == []


def test_the_processor_has_a_name() -> None:
    assert cpu_name()
    assert cpu_features().split()
    assert cores() >= 1
