"""The environment of a run: machine and software. Nothing here names a person, host or path."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import bench
from bench.host import cores, cpu_quota, memory_limit
from bench.programs.checkout import commit_of
from bench.programs.host import cpu_name
from bench.record.documents import Environment
from bench.variables import GIT_COMMIT, IMAGE_DIGEST


def _memory_bytes() -> int | None:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None
    return min(memory, memory_limit() or memory)


def _commit() -> tuple[str | None, bool | None]:
    """The commit of the checkout that this package lies in, or that an image was built from; whether files differed."""
    root = Path(bench.__file__).parent.parent
    commit, dirty = commit_of(root) if (root / ".git").exists() else (None, None)
    if commit:
        return commit, dirty
    built = GIT_COMMIT.read(os.environ) or ""  # as `git describe --dirty` writes it
    return (built.removesuffix("-dirty"), built.endswith("-dirty")) if built else (None, None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def describe(
    gpu: str | None = None, driver: str | None = None, cuda: str | None = None, cudnn: int | None = None
) -> Environment:
    """The environment of this process; in an image BENCH_IMAGE_DIGEST says which, as it cannot know itself.

    `cudnn` is the number that torch knows its version by: 91002 is 9.10.2.
    """
    commit, dirty = _commit()
    return Environment(
        bench=bench.__version__,
        python=platform.python_version(),
        os=f"{platform.system()} {platform.release()}",
        cpu=cpu_name(),
        cores=cores(),
        cpu_quota=cpu_quota(),
        memory_bytes=_memory_bytes(),
        torch=_version("torch"),
        cuda=cuda,
        cudnn=None if cudnn is None else f"{cudnn // 10_000}.{cudnn // 100 % 100}.{cudnn % 100}",
        triton=_version("triton") if gpu else None,
        driver=driver,
        gpu=gpu,
        git_commit=commit,
        git_dirty=dirty,
        image_digest=IMAGE_DIGEST.read(os.environ),
    )


def load_warnings() -> list[str]:
    """A warning where others keep this machine busy."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return [f"load average {busy:.1f} before the run: others use this machine"] if busy > 0.5 else []
