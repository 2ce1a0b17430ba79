"""How the machine's processor or GPU is driven: where tensors live, in what precision, compiled or not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from bench.errors import UsageError
from bench.host import nvidia_driver
from bench.record.documents import ExecutionPath
from bench.training.data import Bytes
from bench.training.paths.captured import Memory
from bench.training.paths.compiler import (
    check_cache,
    keep_compiled_code_apart,
    lacking_to_compile,
    switched_off,
    triton_lacks,
)
from bench.training.paths.winograd import conv3x3

Choice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Compute:
    """A device and the way it is used, decided once a process.

    `dtype` is the type of images and activations as the network is handed them; on a CPU the arithmetic may
    be bfloat16 all the same, by autocast (`precision` says which). `rank` of `ranks` processes trains here.
    """

    device: torch.device
    precision: torch.dtype
    path: ExecutionPath
    winograd: bool = False
    rank: int = 0
    ranks: int = 1
    memory: Memory | None = None  # where steps are captured
    uncompiled: str | None = None  # why a GPU's steps are not compiled
    open: bool = False  # whether the warm-up of what is compiled compares what else a processor can do

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

    @property
    def captures(self) -> bool:
        """Whether whole steps are captured as CUDA graphs."""
        return self.path in ("captured", "compiled-captured")

    @property
    def compiles(self) -> bool:
        """Whether torch.compile is used."""
        return self.path in ("compiled", "compiled-captured")

    def keep(self, value: Tensor) -> Tensor:
        """`value`, at an address that stays from run to run where steps are captured."""
        return value if self.memory is None else self.memory.keep(value)

    def synchronise(self) -> None:
        """Wait until the device has finished all its work."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def autocast(self) -> AbstractContextManager[object]:
        """Around forward passes: bfloat16 on a CPU that is faster with it, else nothing."""
        if self.is_cuda or self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast("cpu", self.precision)

    def place(self, images: Bytes, labels: Bytes) -> tuple[Tensor, Tensor]:
        """uint8 [n, 3, h, w] and [n] from the files to the device, as uint8 [n, h, w, 3] and int64 [n]."""
        on_device = torch.tensor(images).to(self.device).permute(0, 2, 3, 1).contiguous()
        return on_device, torch.tensor(labels).to(self.device, torch.int64)

    def to_device(self, network: nn.Module) -> None:
        """Bring a network to the device, channels-last, in the device's type; batch norm stays in float32."""
        network.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.float()


def choose(choice: Choice = "auto") -> Compute:
    """The GPU where there is one, else the CPU.

    Raises UsageError where a GPU is asked for and there is none, and wherever there is one that torch cannot use: the
    processor is no place to train at a GPU's price. And where torch.compile's folder cannot be made.
    """
    compute = _chosen(choice)
    check_cache()
    return compute


def _chosen(choice: Choice) -> Compute:
    if choice == "cpu":
        return _cpu()
    if torch.cuda.is_available():
        return _cuda(torch.device("cuda", torch.cuda.current_device()))
    if driver := nvidia_driver():
        raise UsageError(f"torch {torch.__version__} cannot use the GPU here: {_remedy(driver)}; or --device cpu")
    if choice == "cuda":
        raise UsageError("no CUDA GPU is usable here (`nvidia-smi` should list one); use --device cpu or auto")
    return _cpu()


# The oldest driver that serves a version of CUDA: NVIDIA's guide to minor version compatibility.
_OLDEST_DRIVER = {"12": 525, "13": 580}
# The newest torch on PyPI with kernels for Volta (sm_70), and with CUDA 12.
_OLDER_TORCH = "torch==2.10.*"


def _remedy(driver: str) -> str:
    """What to do about a GPU with `driver` that torch does not see."""
    cuda = torch.version.cuda
    if cuda is None:
        return "it was built without CUDA; install the torch of PyPI"
    major, installed = cuda.partition(".")[0], driver.partition(".")[0]
    needed = _OLDEST_DRIVER.get(major, 0)
    if installed.isdecimal() and int(installed) < needed:
        other = f", or pip install '{_OLDER_TORCH}'" if major != "12" and int(installed) >= _OLDEST_DRIVER["12"] else ""
        return f"CUDA {cuda} needs driver {needed} or newer, and this is {driver}; update the driver{other}"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = f"; CUDA_VISIBLE_DEVICES={visible} may name no GPU here" if visible else ""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f"driver {driver}, CUDA {cuda}: {_why(str(error))}{names}"
    return f"driver {driver}, CUDA {cuda}{names}"


# What to do about an error of CUDA's, by its number.
_ABOUT = {"802": "the GPUs' NVLink is not up: start nvidia-fabricmanager, of the driver's own version, or wait for it"}


def _why(message: str) -> str:
    """What CUDA says in torch's message, which may ask a question of its own first; else the first sentence of that."""
    said = re.search(r"Error (\d+): .*", message)
    if not said:
        return message.partition(".")[0]
    return "; ".join(filter(None, (said[0].rstrip("."), _ABOUT.get(said[1]))))


def _check_kernels(device: torch.device) -> None:
    """Raise UsageError where torch was built without kernels for the GPU, which would fail at the first of them."""
    kernels = torch.cuda.get_arch_list()
    if any(name.startswith("gfx") for name in kernels):  # torch for ROCm calls its GPUs CUDA's
        name = torch.cuda.get_device_name(device)
        raise UsageError(
            f"{name}: AMD GPUs, for which torch {torch.__version__} is built, are not supported; use --device cpu"
        )
    own = torch.cuda.get_device_capability(device)
    # sm_86 runs what was built for sm_80, but not the reverse; compute_90 can be translated for all that came later.
    built = [(name.partition("_")[0], divmod(int(name.partition("_")[2].rstrip("af")), 10)) for name in kernels]
    if any(known <= own and (kind == "compute" or known[0] == own[0]) for kind, known in built):
        return
    oldest = min((known for _, known in built), default=own)
    remedy = f"pip install '{_OLDER_TORCH}'" if (7, 0) <= own < oldest else "install an older torch"
    raise UsageError(
        f"{torch.cuda.get_device_name(device)} is sm_{own[0]}{own[1]}, and torch {torch.__version__} has kernels for "
        f"{', '.join(kernels)}; {remedy if own < oldest else 'install a newer torch'}, or use --device cpu"
    )


def _cuda(device: torch.device) -> Compute:
    """Half precision, whole steps captured; compiled where Triton finds all it needs."""
    _check_kernels(device)
    torch.backends.cudnn.benchmark = True
    # float32 is float32, also in NVIDIA's images, whose TORCH_ALLOW_TF32_CUBLAS_OVERRIDE makes it TF32.
    torch.set_float32_matmul_precision("highest")
    lacking = triton_lacks()
    return Compute(device, torch.float16, "captured" if lacking else "compiled-captured", uncompiled=lacking)


def _cpu() -> Compute:
    precision, winograd = fastest_convolution()
    path: ExecutionPath = "eager" if switched_off() or lacking_to_compile() else "compiled"
    keep_compiled_code_apart()
    return Compute(torch.device("cpu"), precision, path, winograd, open=True)


@cache
def fastest_convolution() -> tuple[torch.dtype, bool]:
    """How this CPU seems to convolve fastest: the type of the arithmetic, and whether by Winograd's algorithm.

    Measured, once a process (about 0.1 s), on the layer that costs most: a first guess, which the warm-up of a recipe
    that is compiled holds against plain steps. CPUs differ too much for a rule: with matrix units bfloat16 is far
    ahead, without them it can be slower than float32 even where it has instructions.
    """
    n, filters = 100, torch.randn(256, 256, 3, 3)
    blocked = torch.randn(1, 7, 7, n, 256)
    direct = blocked[0].permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)
    ways: dict[tuple[torch.dtype, bool], Callable[[], Tensor]] = {
        (torch.float32, True): lambda: conv3x3(blocked, filters, 7, 7),
        (torch.float32, False): lambda: torch.conv2d(direct, filters, padding=1),
    }
    low, low_filters = direct.to(torch.bfloat16), filters.to(torch.bfloat16)
    ways[torch.bfloat16, False] = lambda: torch.conv2d(low, low_filters, padding=1)

    def seconds(way: Callable[[], Tensor]) -> float:
        start = time.perf_counter()
        way()
        return time.perf_counter() - start

    with torch.inference_mode():
        best = {key: min([seconds(way) for _ in range(4)][1:]) for key, way in ways.items()}
    return min(best, key=best.__getitem__)


def eager_on_cpu(compute: Compute) -> Compute:
    """`compute`, never compiled on a processor: pre-activation networks get no faster, and take minutes to compile."""
    return compute if compute.is_cuda else replace(compute, path="eager")


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, for the next step to use.

    A training step frees and takes gigabytes. glibc hands large blocks back to the system at once, and then each
    page of the next one faults and is zeroed again: a step can take twice as long. Another C library is left alone.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, -1)
