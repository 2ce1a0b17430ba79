"""Facts of a host with an NVIDIA GPU, as far as a machine without one can play it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.host import nvidia_driver, nvidia_on_bus

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
        ("echo No devices were found", False, VERSION, None),  # older ones call that a success
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


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", None),
        ("-1", None),
        ("-1,0", None),
        ("NoDevFiles", None),
        ("1", "580.95.05"),
        ("GPU-8a3c", "580.95.05"),
        ("0,-1", "580.95.05"),
    ],
)
def test_a_gpu_that_the_user_hides_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, found: str | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert driver(tmp_path, monkeypatch, smi=LISTS, device=True, version=VERSION) == found


@pytest.mark.parametrize(
    ("vendor", "kind", "there"),
    [
        ("0x10de\n", "0x030200\n", True),  # a GPU without a display
        ("0x10de\n", "0x030000\n", True),
        ("0x10de\n", "0x040300\n", False),  # the sound of one
        ("0x1002\n", "0x030000\n", False),
    ],
)
def test_a_gpu_is_on_the_bus_whatever_drives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: str, kind: str, there: bool
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not nvidia_on_bus(tmp_path / "none")
    for name, of, is_a in (("0000:00:00.0", "0x8086\n", "0x060000\n"), ("0000:41:00.0", vendor, kind)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(of)
        (tmp_path / name / "class").write_text(is_a)
    assert nvidia_on_bus(tmp_path) == there
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not nvidia_on_bus(tmp_path)
