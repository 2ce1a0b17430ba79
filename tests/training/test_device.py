"""How a device is driven, as far as that is decided without a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from bench.errors import UsageError
from bench.training import device


@pytest.mark.parametrize(
    ("capability", "lacking", "path"),
    [((8, 0), None, "compiled-captured"), ((7, 5), None, "compiled-captured"), ((8, 0), "no compiler", "captured")],
)
def test_whole_steps_are_captured_on_a_gpu_and_compiled_where_triton_can(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], lacking: str | None, path: str
) -> None:
    show_gpu(monkeypatch, capability)
    monkeypatch.setattr(device, "triton_lacks", lambda: lacking)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    compute = device.choose()
    assert (compute.path, compute.uncompiled) == (path, lacking)


def show_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], kernels: str = "sm_75 sm_80 sm_86 sm_90"
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", kernels.split)


@pytest.mark.parametrize(
    ("capability", "kernels", "advice"),
    [
        ((9, 0), "sm_75 sm_90", None),
        ((8, 9), "sm_75 sm_86", None),
        ((12, 1), "sm_90 sm_120", None),
        ((10, 3), "sm_90 compute_90", None),  # translated by the driver
        ((8, 0), "sm_86", "torch==2.10.*"),
        ((7, 0), "sm_75 sm_90", "torch==2.10.*"),
        ((6, 1), "sm_75 sm_90", "an older torch"),
        ((11, 0), "sm_90 sm_100 sm_120a", "a newer torch"),
        ((13, 0), "sm_90 sm_120a", "a newer torch"),
    ],
)
def test_a_gpu_that_torch_has_no_kernels_for_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], kernels: str, advice: str | None
) -> None:
    show_gpu(monkeypatch, capability, kernels)
    if advice is None:
        device._check_kernels(torch.device("cuda"))
        return
    with pytest.raises(UsageError) as refusal:
        device.choose()
    assert f"Tesla is sm_{''.join(map(str, capability))}, " in str(refusal.value)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_a_gpu_of_amd_s_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, choice: Literal["auto", "cuda"]
) -> None:
    show_gpu(monkeypatch, (9, 4), "gfx90a gfx942")
    with pytest.raises(UsageError, match=r"AMD .* --device cpu"):
        device.choose(choice)


@pytest.mark.parametrize("choice", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("cuda", "driver", "words"),
    [
        ("13.0", "535.216.01", {"13.0", "580", "535.216.01;", "'torch==2.10.*';"}),
        ("13.0", "470.57.02", {"13.0", "580", "470.57.02;"}),
        ("12.8", "470.57.02", {"12.8", "525", "470.57.02;"}),
        ("13.0", "580.95.05", {"13.0:", "580.95.05,"}),
        ("13.0", "unknown", {"13.0:", "unknown,"}),
        (None, "580.95.05", {"PyPI;"}),
    ],
)
def test_a_gpu_that_torch_does_not_see_is_no_reason_to_train_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, choice: Literal["auto", "cuda"], cuda: str | None, driver: str, words: set[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(device, "nvidia_driver", lambda: driver)
    with pytest.raises(UsageError) as refusal:
        device.choose(choice)
    assert words <= set(str(refusal.value).split())
    assert ("torch==" in str(refusal.value)) == any("torch==" in word for word in words)


@pytest.mark.parametrize(
    ("message", "said", "remedy"),
    [
        # As torch puts it where the switches between GPUs are not up, on a machine with eight of them.
        (
            "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling "
            "NumCudaDevices() that might have already set an error? Error 802: system not yet initialized",
            "CUDA 13.0: Error 802: system not yet initialized; ",
            "nvidia-fabricmanager",
        ),
        (
            "Unexpected error from cudaGetDeviceCount(). Did you …? Error 304: OS call failed",
            "CUDA 13.0: Error 304: OS call failed; ",
            "--device cpu",
        ),
        (
            "CUDA driver initialization failed, you might …. More.",
            "initialization failed, you might …; ",
            "--device cpu",
        ),
        ("No CUDA GPUs are available", "CUDA 13.0: No CUDA GPUs are available; ", "CUDA_VISIBLE_DEVICES=7 may name no"),
    ],
)
def test_a_gpu_whose_driver_does_not_work_is_refused_with_what_cuda_says(
    monkeypatch: pytest.MonkeyPatch, message: str, said: str, remedy: str
) -> None:
    def fails() -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", fails)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(device, "nvidia_driver", lambda: "580.95.05")
    with pytest.raises(UsageError) as refusal:
        device.choose()
    assert said in str(refusal.value)
    assert remedy in str(refusal.value)


TF32 = """
import torch
from bench.training import device
torch.cuda.is_available, torch.cuda.current_device = lambda: True, lambda: 0
device._check_kernels = device.triton_lacks = lambda *of: None
print(torch.backends.cuda.matmul.allow_tf32)
device.choose()
print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cuda.matmul.fp32_precision)
with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
    print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
"""


@pytest.mark.slow
def test_float32_is_no_tf32_in_an_image_that_makes_it_so() -> None:
    """As NVIDIA's own images do."""
    environment = {**os.environ, "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"}
    done = subprocess.run([sys.executable, "-c", TF32], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "False ieee", "False False"]


def test_the_processor_is_taken_where_it_is_asked_for_or_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "nvidia_driver", lambda: "535.216.01")
    assert device.choose("cpu").device.type == "cpu"
    monkeypatch.setattr(device, "nvidia_driver", lambda: None)
    assert device.choose().device.type == "cpu"
    with pytest.raises(UsageError):
        device.choose("cuda")


def test_only_a_processor_is_kept_from_compiling() -> None:
    cpu, cuda = (device.Compute(torch.device(kind), torch.float32, "compiled") for kind in ("cpu", "cuda"))
    assert (device.eager_on_cpu(cpu).path, device.eager_on_cpu(cuda).path) == ("eager", "compiled")


def test_a_folder_for_compiled_code_that_cannot_be_made_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """torch imports its compiler for every optimiser, and makes the folder as it does."""
    (file := tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(file / "inductor"))
    show_gpu(monkeypatch, (9, 0))
    monkeypatch.setattr(device, "triton_lacks", lambda: None)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    choices: tuple[device.Choice, ...] = ("cpu", "cuda")
    for choice in choices:
        with pytest.raises(UsageError, match=re.escape(f"{file}/inductor")) as refusal:
            device.choose(choice)
        assert "cannot be made" in str(refusal.value)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "a" / "b"))
    device.choose("cuda")
    assert list(tmp_path.iterdir()) == [file]  # the doctor asks, too, and makes nothing
