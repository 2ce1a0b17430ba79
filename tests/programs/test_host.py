"""The GPUs that a program sees, by what nvidia-smi prints."""

import os
import platform
from pathlib import Path

import pytest

from bench.programs import host
from bench.programs.document import hardware_of
from bench.programs.host import UNIDENTIFIED, cores, cpu_features, cpu_name, visible_gpus

LINES = "0, GPU-aaaa-1, NVIDIA H100 80GB HBM3, 570.86\n1, GPU-aabb-2, NVIDIA H100 80GB HBM3, 570.86\n"
SLICES = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
  MIG 1g.10gb     Device  0: (UUID: MIG-5c5bb4a9)
  MIG 2g.20gb     Device  1: (UUID: MIG-GPU-aaaa-1/7/0)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-aabb-2)
"""
UNEQUAL = "0, GPU-aaaa-1, NVIDIA GeForce GT 710, 470.57\n1, GPU-aabb-2, NVIDIA GeForce RTX 4090, 470.57\n"


class Host:
    """A machine with an nvidia-smi of its own and the devices that it shows, as `tmp_path` has them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.says("exit 9")
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setattr(host, "_DEVICES", folder / "dev")
        self.folder.joinpath("dev").mkdir()

    def says(self, script: str) -> None:
        """Have nvidia-smi be the shell script `script`."""
        path = self.folder / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has(self, gpus: str, slices: str = "") -> None:
        """Have nvidia-smi print `gpus` when it is asked for them, and `slices` when it is asked for a list."""
        for name, text in (("gpus", gpus), ("slices", slices)):
            (self.folder / name).write_text(text)
        self.says(f'case "$1" in --list-gpus) cat {self.folder}/slices;; *) cat {self.folder}/gpus;; esac')

    def shows(self, devices: int) -> None:
        """Have it show so many device files, and those that every driver has."""
        for name in (*map(str, range(devices)), "ctl", "-uvm"):
            (self.folder / "dev" / f"nvidia{name}").touch()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def asked_for(visible: str | None, **environ: str) -> dict[str, str]:
    return environ | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})


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
def test_what_is_visible(visible: str | None, seen: list[str], machine: Host) -> None:
    machine.has(LINES)
    gpus = visible_gpus(asked_for(visible))
    assert [gpu.uuid for gpu in gpus] == seen
    assert {(gpu.name, gpu.driver) for gpu in gpus} <= {("NVIDIA H100 80GB HBM3", "570.86")}


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        ("MIG-5c5bb4a9", ["NVIDIA H100 80GB HBM3 MIG 1g.10gb"]),
        ("MIG-GPU-aaaa-1/7/0", ["NVIDIA H100 80GB HBM3 MIG 2g.20gb"]),
        ("MIG-5c5bb4a9,GPU-aabb", ["NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA H100 80GB HBM3"]),
        ("MIG-another", ["unknown"]),
    ],
)
def test_a_slice_of_a_gpu_is_a_gpu_of_its_own(visible: str, seen: list[str], machine: Host) -> None:
    machine.has(LINES, SLICES)
    gpus = visible_gpus(asked_for(visible))
    assert [gpu.name for gpu in gpus] == seen
    assert hardware_of(gpus, 8, None, {})["device"]["kind"] == "cuda"


ONE_SLICE = "".join(SLICES.splitlines(keepends=True)[:2])


@pytest.mark.parametrize("order", [{}, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}])
@pytest.mark.parametrize(
    ("gpus", "slices", "visible", "seen"),
    [
        # The first of the slices, in an order that is not told.
        (1, SLICES, None, ["unknown"]),
        (1, SLICES, "0", ["unknown"]),
        (1, SLICES, "GPU-aaaa", ["unknown"]),
        (1, ONE_SLICE, None, ["NVIDIA H100 80GB HBM3 MIG 1g.10gb"]),
        (1, ONE_SLICE, "0", ["NVIDIA H100 80GB HBM3 MIG 1g.10gb"]),
        (1, ONE_SLICE, "", []),
        (2, SLICES, None, ["unknown"]),
        (2, SLICES, "0", ["unknown"]),
        (2, SLICES, "1", ["unknown"]),
        (2, SLICES, "GPU-aaaa", ["unknown"]),
        (2, SLICES, "GPU-aabb", ["NVIDIA H100 80GB HBM3"]),
    ],
)
def test_a_gpu_in_slices_is_never_seen_whole(
    gpus: int, slices: str, visible: str | None, seen: list[str], order: dict[str, str], machine: Host
) -> None:
    machine.has("".join(LINES.splitlines(keepends=True)[:gpus]), slices)
    found = visible_gpus(asked_for(visible, **order))
    assert [gpu.name for gpu in found] == seen
    assert not any(gpu.uuid == "GPU-aaaa-1" for gpu in found)


@pytest.mark.parametrize(
    ("visible", "order", "seen"),
    [
        ("0", None, ["unknown"]),
        ("0", "FASTEST_FIRST", ["unknown"]),
        ("1,0", None, ["unknown", "unknown"]),
        ("2", None, []),
        ("0", "PCI_BUS_ID", ["NVIDIA GeForce GT 710"]),
        ("GPU-aabb", None, ["NVIDIA GeForce RTX 4090"]),
    ],
)
def test_of_different_gpus_a_number_names_none_unless_they_are_counted_along_the_bus(
    visible: str, order: str | None, seen: list[str], machine: Host
) -> None:
    machine.has(UNEQUAL)
    environ = asked_for(visible) | ({"CUDA_DEVICE_ORDER": order} if order else {})
    assert [gpu.name for gpu in visible_gpus(environ)] == seen


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "printf 'a, b\\n'"])
def test_a_host_without_a_gpu(script: str, machine: Host) -> None:
    machine.says(script)
    assert visible_gpus({}) == visible_gpus(asked_for("0")) == []


def test_a_host_without_nvidia_smi(machine: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.folder / "dev"))
    assert visible_gpus({}) == []


@pytest.mark.parametrize(("visible", "count"), [(None, 2), ("0", 1), ("GPU-aaaa-1,GPU-aabb-2,-1,0", 2), ("", 0)])
def test_devices_that_nvidia_smi_does_not_tell_are_unknown_and_no_processor(
    visible: str | None, count: int, machine: Host
) -> None:
    machine.shows(2)
    assert visible_gpus(asked_for(visible)) == [UNIDENTIFIED] * count
    if count:
        found = hardware_of([UNIDENTIFIED] * count, 8, None, {})
        assert found["device"] | {"kind": "cuda", "name": "unknown", "count": count} == found["device"]
        assert found["machine"]["gpus"] == ()


def test_an_nvidia_smi_that_does_not_come_back_has_a_gpu(machine: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.says("exec sleep 60")
    monkeypatch.setattr(host, "_LIMIT_S", 0.1)
    assert visible_gpus({}) == [UNIDENTIFIED]


GRAVITON3 = "BogoMIPS\t: 2100.00\nFeatures\t: fp sve bf16\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (GRAVITON3.format(part="0xd40"), "ARM Neoverse-V1"),
        (GRAVITON3.format(part="0xD4F"), "ARM Neoverse-V2"),
        (GRAVITON3.format(part="0xfff"), "ARM implementer 0x41 part 0xfff"),
        ("model name\t: AMD EPYC 9R14\n", "AMD EPYC 9R14"),
        ("Features\t: fp\n", "aarch64"),
    ],
)
def test_a_processor_without_a_name_is_known_by_its_maker_s_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, name: str
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(host, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert cpu_name() == name


def test_the_processor_has_a_name() -> None:
    assert cpu_name()
    assert cpu_features().split()
    assert cores() >= 1
