"""Facts of a host with an NVIDIA GPU, as far as a machine without one can play it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.host import nvidia_driver

VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.216.01  Tue Sep 17 16:53:05 UTC 2024\nGCC version: 12\n"


def driver(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, smi: str | None, device: bool, version: str | None
) -> str | None:
    """What is found where `nvidia-smi` is the shell script `smi`, beside a device and the kernel's words."""
    if smi is not None:
        (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{smi}\n")
        (folder / "nvidia-smi").chmod(0o755)
    if device:
        (folder / "nvidia0").touch()
    if version is not None:
        (folder / "version").write_text(version)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    return nvidia_driver(folder / "nvidia0", folder / "version")


LISTS, FAILS = "echo 580.95.05; echo 580.95.05", "echo No devices were found; exit 6"


@pytest.mark.parametrize(
    ("smi", "device", "version", "found"),
    [
        (LISTS, True, VERSION, "580.95.05"),
        (LISTS, False, None, "580.95.05"),
        (FAILS, False, VERSION, None),
        (FAILS, True, VERSION, "535.216.01"),
        (None, True, VERSION, "535.216.01"),
        (None, True, None, "unknown"),
        (None, True, "", "unknown"),
        ("exit 0", False, None, None),
        (None, False, None, None),
    ],
)
def test_the_driver_of_a_gpu_that_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    smi: str | None,
    device: bool,
    version: str | None,
    found: str | None,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert driver(tmp_path, monkeypatch, smi=smi, device=device, version=version) == found


@pytest.mark.parametrize(("visible", "found"), [("", None), ("-1", None), ("1", "580.95.05")])
def test_a_gpu_that_the_user_hides_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, found: str | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert driver(tmp_path, monkeypatch, smi=LISTS, device=True, version=VERSION) == found
