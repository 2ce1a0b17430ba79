"""Probes of what a training computes with: torch, the GPU and its driver, a compiler, the GPU's counters.

They ask what a run asks, so that the doctor and a run never differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from bench.doctor.finding import INSTALL, Asked, Finding
from bench.errors import UsageError
from bench.host import cores, nvidia_driver
from bench.measure.gpu import Gpu
from bench.text import plural

if TYPE_CHECKING:
    from bench.training.device import Compute

_TRAIN = f"in the folder of bench: {INSTALL} '.[train]'"
_GIB = 1 << 30


def training(asked: Asked) -> Iterator[Finding]:
    """torch, and what it finds here: a GPU or the processor, a compiler, counters of energy."""
    needed = asked.purpose == "run"
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        needs = "bench run and bench estimate need it, and nothing else does"
        yield Finding("torch", f"not installed; {needs}", _TRAIN if needed else "", needed)
        return
    if not needed:  # its import takes seconds
        yield Finding("torch", version)
        return
    try:
        import torch

        from bench.training.device import choose
    except Exception as error:  # a build for another machine fails in ways of its own
        yield Finding("torch", f"{version} cannot be imported: {_first_line(error)}", _TRAIN, fails=True)
        return
    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "processors only"
    yield Finding("torch", f"{version}, built for {built_for}")
    try:
        compute = choose()
    except UsageError as error:
        yield Finding.of_error("GPU", error)
        return
    if compute.is_cuda:
        yield from _gpu(compute)
    else:
        precision = str(compute.precision).removeprefix("torch.")
        yield Finding("GPU", f"none; training takes the processor, {plural(cores(), 'core')}, {precision}")
    yield _compiler(compute)


def _gpu(compute: Compute) -> Iterator[Finding]:
    import torch

    try:
        torch.ones(64, 64, device=compute.device).mm(torch.ones(64, 64, device=compute.device)).sum().item()
        free, total = torch.cuda.mem_get_info(compute.device)
    except RuntimeError as error:  # out of memory, held by another process alone, broken
        busy = "`nvidia-smi` says what holds it; or --device cpu"
        yield Finding("GPU", f"cannot compute: {_first_line(error)}", busy, fails=True)
        return
    properties = torch.cuda.get_device_properties(compute.device)
    count = torch.cuda.device_count()
    name = f"{count} x {properties.name}" if count > 1 else properties.name
    gpu = Gpu(str(properties.uuid))
    others = gpu.warnings()
    yield Finding(
        "GPU",
        f"{name}, sm_{properties.major}{properties.minor}, driver {nvidia_driver() or 'unknown'}, "
        f"{free / _GIB:.0f} of {total / _GIB:.0f} GiB free{''.join(f'; {each}' for each in others)}",
        "end them, or times are those of a shared GPU: `nvidia-smi` lists them" if others else "",
    )
    yield _counters(gpu)


def _counters(gpu: Gpu) -> Finding:
    """Whether NVML, the driver's library, tells what the GPU uses."""
    try:
        metadata.version("nvidia-ml-py")
    except metadata.PackageNotFoundError:
        return Finding("NVML", "no Python package for it; energy stays unknown", f"{INSTALL} nvidia-ml-py")
    if gpu.energy_joules() is None:
        ask = "in a container, give it the driver's `utility` capability; a slice of a GPU (MIG) has no counter"
        return Finding("NVML", "says nothing of this GPU's energy, which stays unknown", ask)
    return Finding("NVML", "counts the GPU's energy")


def _compiler(compute: Compute) -> Finding:
    from bench.training.device import lacking_to_compile

    if compute.compiles:
        return Finding("compiler", f"torch.compile finds what it needs ({compute.path})")
    slower = f"steps are {compute.path}, not compiled, and slower"
    if compute.is_cuda:
        what = "Triton cannot build its launcher"
        return Finding("compiler", f"{what}; {slower}", "apt-get install gcc python3-dev, or the same of your system")
    lacking = " and ".join(lacking_to_compile())
    return Finding("compiler", f"no {lacking}; {slower}", "apt-get install g++ python3-dev, or the same of your system")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
