"""torch.compile's needs: compilers, and a folder for what they make."""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

import torch

from bench.errors import UsageError
from bench.programs.host import cpu_features, cpu_name

# The folder in which Inductor keeps what it compiled.
_CACHE = "TORCHINDUCTOR_CACHE_DIR"


def switched_off() -> str | None:
    """The variable that has torch.compile leave all as it is, None where none does."""
    return next(
        (name for name in ("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE") if os.environ.get(name) == "1"), None
    )


def triton_lacks() -> str | None:
    """What keeps Triton from compiling, None where nothing does: it is asked, and builds its launcher, once a machine.

    That takes a C compiler of any kind, Python's headers and a driver to link with, or a cache that has it already.
    """
    if off := switched_off():
        return f"{off} is set"
    try:
        from triton.runtime import driver

        driver.active.get_current_target()
    except Exception as error:  # Triton's own errors and those of every program that it starts
        return f"{type(error).__name__}: {error}"
    return None


def lacking_to_compile() -> list[str]:
    """What torch.compile lacks for a processor: a C++ compiler, Python's headers, which its code includes."""
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    there = {
        "C++ compiler": any(shutil.which(name) for name in ("g++", "clang++")),
        "Python headers": headers.exists(),
    }
    return [what for what, found in there.items() if not found]


def keep_compiled_code_apart() -> None:
    """Have torch.compile keep what it compiles for a processor in a folder that is this kind of processor's alone.

    Inductor looks kept code up by the network (seen in torch 2.14): where hosts share the folder, or
    ATEN_CPU_CAPABILITY changed, code laid out for vectors of 8 numbers came back to be built for 16, and wrote past its
    buffers.
    """
    kind = f"{torch.backends.cpu.get_cpu_capability()} {cpu_name()} {cpu_features()}"
    own = f"cpu-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
    shared = Path(os.environ.get(_CACHE) or Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}")
    if shared.name != own:
        os.environ[_CACHE] = str(shared / own)


def check_cache() -> None:
    """Raise UsageError where the folder that is named for compiled code can be neither found nor made.

    torch makes it when its first optimiser is, even where nothing is compiled, and fails where it cannot.
    """
    folder = Path(os.environ.get(_CACHE) or tempfile.gettempdir())
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        usable = there.is_dir() and (there == folder or os.access(there, os.W_OK))
    except OSError:  # it lies in what may not be looked into
        usable = False
    if not usable:
        raise UsageError(f"{_CACHE} is {folder}, which cannot be made; unset it, or name a folder that can be written")
