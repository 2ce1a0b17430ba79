"""How the machine's processor or GPU is driven: where tensors live, in what precision, compiled or not."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.errors import UsageError
from bench.record.documents import ExecutionPath

Choice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Compute:
    """A device and the way it is used, decided once a process.

    `dtype` is the type of images and activations as the network is handed them; on a CPU the arithmetic may
    be bfloat16 all the same, by autocast (`precision` says which).
    """

    device: torch.device
    precision: torch.dtype
    path: ExecutionPath

    @property
    def is_cuda(self) -> bool:
        """Whether this is a CUDA GPU."""
        return self.device.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        """The type a network's input has."""
        return self.precision if self.is_cuda else torch.float32

    @property
    def newton_schulz_dtype(self) -> torch.dtype:
        """bfloat16 where it has hardware, else float32, which is exact and no slower there."""
        has_bfloat16 = self.is_cuda and torch.cuda.get_device_capability(self.device) >= (8, 0)
        return torch.bfloat16 if has_bfloat16 else torch.float32

    def synchronise(self) -> None:
        """Wait until the device has finished all its work."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def autocast(self) -> AbstractContextManager[object]:
        """Around forward passes: bfloat16 on a CPU that is faster with it, else nothing."""
        if self.is_cuda or self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast("cpu", self.precision)

    def place(self, images: NDArray[object], labels: NDArray[object]) -> tuple[Tensor, Tensor]:
        """uint8 [n, 3, h, w] and [n] from the files to the device, as uint8 [n, h, w, 3] and int64 [n]."""
        on_device = torch.tensor(images).to(self.device).permute(0, 2, 3, 1).contiguous()
        return on_device, torch.tensor(labels).to(self.device, torch.int64)

    def adopt(self, network: nn.Module) -> None:
        """Bring a network to the device, channels-last, in the device's type; batch norm stays in float32."""
        network.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.float()

    def compiled(self, network: nn.Module) -> Callable[..., Tensor]:
        """The network as it is to be called: compiled where that pays."""
        if self.path != "compiled":
            return network
        return torch.compile(network, mode="max-autotune" if self.is_cuda else None)


def choose(choice: Choice = "auto") -> Compute:
    """The GPU where there is one, else the CPU. Raises UsageError where a GPU is asked for and there is none."""
    if choice == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA GPU is usable here (`nvidia-smi` should list one); use --device cpu or auto")
    if choice != "cpu" and torch.cuda.is_available():
        return _cuda(torch.device("cuda", torch.cuda.current_device()))
    return _cpu()


def _cuda(device: torch.device) -> Compute:
    """Half precision; compiled from Ampere on: below sm_80 Triton cannot use the tensor cores."""
    torch.backends.cudnn.benchmark = True
    compiles = torch.cuda.get_device_capability(device) >= (8, 0)
    return Compute(device, torch.float16, "compiled" if compiles else "eager")


def _cpu() -> Compute:
    keep_freed_memory()
    return Compute(torch.device("cpu"), faster_cpu_precision(), "compiled" if _compiler() else "eager")


def _compiler() -> bool:
    return any(shutil.which(name) for name in ("g++", "clang++"))


def keep_freed_memory() -> None:
    """Have the C allocator keep what is freed, for the next step to use.

    A training step frees and takes gigabytes. glibc hands large blocks back to the system at once, and each
    page of the next one faults and is zeroed again: without this a step takes up to twice as long.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library: nothing to tune
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


@cache
def faster_cpu_precision() -> torch.dtype:
    """bfloat16 or float32, by which convolves faster here. Processors that have bfloat16 differ by 4x in it."""
    images = torch.randn(64, 256, 7, 7).contiguous(memory_format=torch.channels_last)
    filters = torch.randn(256, 256, 3, 3).contiguous(memory_format=torch.channels_last)

    def best(dtype: torch.dtype) -> float:
        x, w = images.to(dtype), filters.to(dtype)
        seconds = []
        with torch.inference_mode():
            for _ in range(4):
                start = time.perf_counter()
                torch.conv2d(x, w, padding=1)
                seconds.append(time.perf_counter() - start)
        return min(seconds[1:])

    return min((torch.float32, torch.bfloat16), key=best)
