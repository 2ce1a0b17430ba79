"""Probes of the machine itself: Python, disk, memory, the clock, the variables that bench listens to."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import bench
from bench.doctor.finding import Asked, Finding
from bench.errors import BenchError, UsageError
from bench.host import free_memory
from bench.lease.lease import launch_of
from bench.lease.machine import describe, find_machine, lease_start
from bench.record.documents import OWN
from bench.store import FolderStore, open_store
from bench.variables import VARIABLES

_GIB = 1 << 30
# Below these a run may fail half-way: CIFAR-10 and what torch.compile makes take about 1 GiB, a training of the
# smaller networks on a processor about 4.
_DISK, _MEMORY = 2 * _GIB, 4 * _GIB
_OLDEST = (3, 11)
# struct timex of Linux on 64 bits, as ntp_adjtime fills it: `maxerror`, in microseconds, after three longs.
_TIMEX_BYTES, _MAXERROR_AT, _UNSYNCHRONISED = 512, 24, 5


def python(asked: Asked) -> Iterator[Finding]:
    """The version of Python, and of bench."""
    found = f"{platform.python_version()}, bench {bench.__version__}"
    if sys.version_info < _OLDEST:
        yield Finding("Python", found, "bench needs Python 3.11 or newer", fails=True)
    else:
        yield Finding("Python", found)


def disk(asked: Asked) -> Iterator[Finding]:
    """Free space where records go, and where compilers and downloads put their files."""
    places = {"temporary files": Path(tempfile.gettempdir())}
    with suppress(OSError, BenchError):  # the probe of the store says what is wrong
        if isinstance(store := open_store(asked.store), FolderStore):
            places["the store"] = store.nearest()
    free = {what: shutil.disk_usage(place).free for what, place in places.items()}
    found = ", ".join(f"{count / _GIB:.1f} GiB for {what}" for what, count in free.items())
    yield Finding("disk", f"free: {found}", "free some space; 2 GiB are enough" if min(free.values()) < _DISK else "")


def memory(asked: Asked) -> Iterator[Finding]:
    """Memory that is free, within the limit of a container."""
    free = free_memory()
    if free is None:
        yield Finding("memory", "unknown: this system does not say")
    else:
        scarce = asked.purpose in ("run", "exec") and free < _MEMORY
        remedy = "end what holds it; a training on the processor may need 4 GiB" if scarce else ""
        yield Finding("memory", f"{free / _GIB:.1f} GiB free", remedy)


def clock(asked: Asked) -> Iterator[Finding]:
    """Whether the clock is held right over the network: records and bills are joined by it."""
    right = clock_error()
    if right is None:
        yield Finding("clock", "the system does not say whether it is synchronised")
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


def lease(asked: Asked) -> Iterator[Finding]:
    """Which rented machine this is, and at what price: what a run would open a lease by."""
    if asked.purpose in ("report", "sweep"):
        return
    try:
        launch_of(os.environ)
        machine = find_machine(os.environ)
        opened = describe(asked.machine, machine, lease_start(machine, os.environ), os.environ)
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


def settings(asked: Asked) -> Iterator[Finding]:
    """The BENCH_* variables that are set, and which of them cannot be meant."""
    wrong = False
    for variable in VARIABLES.values():
        try:
            variable.read(os.environ)
        except UsageError as error:
            wrong = True
            yield Finding("variables", str(error), f"correct or unset {variable.name}")
    if not wrong:
        named = ", ".join(sorted(VARIABLES.keys() & os.environ.keys())) or "none"
        yield Finding("variables", f"set: {named}")
