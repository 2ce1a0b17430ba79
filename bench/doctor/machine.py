"""Probes of the machine: Python, disk, memory, the clock, the lease, variables; and what a training computes with.

They ask what a run asks, so that the doctor and a run never differ.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import bench
from bench.doctor.finding import INSTALL, Context, Finding
from bench.errors import BenchError, UsageError
from bench.host import DRIVER_REMEDY, cores, free_memory, nvidia_driver, nvidia_on_bus
from bench.lease import describe, find_machine, launch_of, lease_start
from bench.measure.environment import Gpu
from bench.record.documents import OWN
from bench.store import FolderStore, open_store
from bench.text import one_line, plural
from bench.variables import VARIABLES, check as check_variables, misspelt

if TYPE_CHECKING:
    from bench.training.device import Compute

_GIB = 1 << 30
# Below these a run may fail half-way: CIFAR-10 and what torch.compile makes take about 1 GiB, a training of the
# smaller networks on a processor about 4.
_DISK, _MEMORY = 2 * _GIB, 4 * _GIB
# What the largest recipe takes of a GPU's memory: docs/gpu.md.
_GPU_MEMORY = 7 * _GIB
_OLDEST = (3, 11)
_TRAIN = f"in the folder of bench: {INSTALL} '.[train]'"
# struct timex of Linux on 64 bits, as ntp_adjtime fills it: `maxerror`, in microseconds, after three longs.
_TIMEX_BYTES, _MAXERROR_AT, _UNSYNCHRONISED = 512, 24, 5


def python(context: Context) -> Iterator[Finding]:
    """The version of Python, and of bench."""
    found = f"{platform.python_version()}, bench {bench.__version__}"
    if sys.version_info < _OLDEST:
        yield Finding("Python", found, "bench needs Python 3.11 or newer", fails=True)
    else:
        yield Finding("Python", found)


def disk(context: Context) -> Iterator[Finding]:
    """Free space where records go, and where compilers and downloads put their files."""
    places = {"temporary files": Path(tempfile.gettempdir())}
    with suppress(OSError, BenchError):  # the probe of the store says what is wrong
        if isinstance(store := open_store(context.store), FolderStore):
            places["the store"] = store.nearest()
    free = {what: shutil.disk_usage(place).free for what, place in places.items()}
    found = ", ".join(f"{count / _GIB:.1f} GiB for {what}" for what, count in free.items())
    yield Finding("disk", f"free: {found}", "free some space; 2 GiB are enough" if min(free.values()) < _DISK else "")


def memory(context: Context) -> Iterator[Finding]:
    """Memory that is free, within the limit of a container."""
    free = free_memory()
    if free is None:
        yield Finding("memory", "unknown on this system")
    else:
        scarce = context.purpose in ("run", "exec") and free < _MEMORY
        remedy = "end the processes that use it; training on the CPU may need 4 GiB" if scarce else ""
        yield Finding("memory", f"{free / _GIB:.1f} GiB free", remedy)


def clock(context: Context) -> Iterator[Finding]:
    """Whether the clock is held right over the network: records and bills are joined by it."""
    right = clock_error()
    if right is None:
        yield Finding("clock", "unknown whether it is synchronised")
    elif right == float("inf"):
        yield Finding("clock", "not synchronised", "turn NTP on: timedatectl set-ntp true")
    else:
        yield Finding("clock", f"synchronised, within {right:.2g} s")


def clock_error() -> float | None:
    """How far the clock may be from the right time, s, as the kernel knows it; inf: unsynchronised; None: unknown."""
    if sys.platform != "linux" or struct.calcsize("l") != 8:
        return None
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # all zero: only asked
    try:
        state = ctypes.CDLL(None).ntp_adjtime(timex)
    except (OSError, AttributeError):  # another C library
        return None
    if state < 0:
        return None
    (most,) = struct.unpack_from("l", timex, _MAXERROR_AT)
    return float("inf") if state == _UNSYNCHRONISED else most / 1e6


def lease(context: Context) -> Iterator[Finding]:
    """Which rented machine this is, and at what price: what a run would open a lease by."""
    if context.purpose in ("report", "sweep"):
        return
    try:
        check_variables(os.environ)
        launch_of(os.environ)
        machine = find_machine(os.environ)
        opened = describe(context.machine, machine, lease_start(machine, os.environ), os.environ)
    except UsageError as error:
        yield Finding.of_error("lease", error)
        return
    rented = opened.provider != OWN
    named = " ".join(filter(None, (opened.provider, opened.instance_type, opened.region)))
    price = f"{opened.price.amount} {opened.price.currency} per {opened.price.unit}" if opened.price else None
    remedy = "give --price-per-hour, or --instance for the price book" if rented and price is None else ""
    yield Finding(
        "lease", f"{named if rented else 'your own machine'}, {price or 'no price: cost stays unknown'}", remedy
    )


def settings(context: Context) -> Iterator[Finding]:
    """The BENCH_* variables that are set, and which of them cannot be meant."""
    wrong = False
    for variable in VARIABLES.values():
        try:
            variable.read(os.environ)
        except UsageError as error:
            wrong = True
            yield Finding("variables", str(error), f"correct or unset {variable.name}")
    for name, meant in misspelt(os.environ).items():
        yield Finding("variables", f"{name} is no variable of bench, which ignores it", f"did you mean {meant}?")
    if not wrong:
        named = ", ".join(sorted(VARIABLES.keys() & os.environ.keys())) or "none"
        yield Finding("variables", f"set: {named}")


def training(context: Context) -> Iterator[Finding]:
    """torch, and what it finds here: a GPU or the processor, a compiler, counters of energy."""
    needed = context.purpose == "run"
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        needs = "only bench run and bench estimate need it"
        yield Finding("torch", f"not installed; {needs}", _TRAIN if needed else "", needed)
        return
    if not needed:  # its import takes seconds
        yield Finding("torch", version)
        return
    try:
        import torch

        from bench.training.device import choose
        from bench.training.paths.compiler import lacking_to_compile, switched_off
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
        # It may be what is paid for: a driver that is broken shows no device.
        there, remedy = ("on the PCI bus, without a driver", DRIVER_REMEDY) if nvidia_on_bus() else ("none", "")
        yield Finding("GPU", f"{there}; training uses the CPU, {plural(cores(), 'core')}, {precision}", remedy)
    yield _compiler(compute, switched_off(), lacking_to_compile())


def _gpu(compute: Compute) -> Iterator[Finding]:
    import torch

    try:
        torch.ones(64, 64, device=compute.device).mm(torch.ones(64, 64, device=compute.device)).sum().item()
        free, total = torch.cuda.mem_get_info(compute.device)
    except RuntimeError as error:  # out of memory, held by another process alone, broken
        busy = "see `nvidia-smi` for what is using it; or --device cpu"
        yield Finding("GPU", f"cannot compute: {_first_line(error)}", busy, fails=True)
        return
    properties = torch.cuda.get_device_properties(compute.device)
    count = torch.cuda.device_count()
    name = f"{count} x {properties.name}" if count > 1 else properties.name
    gpu = Gpu(str(properties.uuid))
    others = gpu.warnings()
    remedy = "recipes take up to 7 GiB: `nvidia-smi` lists what holds the rest" if free < _GPU_MEMORY else ""
    if others:
        remedy = "end them, or times are those of a shared GPU: `nvidia-smi` lists them"
    yield Finding(
        "GPU",
        f"{name}, sm_{properties.major}{properties.minor}, driver {nvidia_driver() or 'unknown'}, "
        f"{free / _GIB:.0f} of {total / _GIB:.0f} GiB free{''.join(f'; {each}' for each in others)}",
        remedy,
    )
    yield _counters(gpu)


def _counters(gpu: Gpu) -> Finding:
    """Whether NVML, the driver's library, reports the GPU's energy."""
    try:
        metadata.version("nvidia-ml-py")
    except metadata.PackageNotFoundError:
        return Finding("NVML", "no Python package for it, so energy stays unknown", f"{INSTALL} nvidia-ml-py")
    if gpu.energy_joules() is None:
        ask = "in a container, give it the driver's `utility` capability; a slice of a GPU (MIG) has no counter"
        return Finding("NVML", "has no energy counter for this GPU, so energy stays unknown", ask)
    return Finding("NVML", "counts the GPU's energy")


def _compiler(compute: Compute, off: str | None, lacking: Sequence[str]) -> Finding:
    if compute.compiles:
        return Finding("compiler", f"torch.compile finds what it needs ({compute.path})")
    slower = f"steps are {compute.path} instead of compiled, and slower"
    if off:
        return Finding("compiler", f"{off} is set; {slower}", f"unset {off}")
    if compute.is_cuda:
        what = f"Triton cannot build its launcher ({one_line(compute.uncompiled or '')[:200]})"
        return Finding("compiler", f"{what}; {slower}", "apt-get install gcc python3-dev, or your system's equivalent")
    return Finding(
        "compiler",
        f"no {' and '.join(lacking)}; {slower}",
        "apt-get install g++ python3-dev, or the equivalent on your system",
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
