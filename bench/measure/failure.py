"""Why a run failed, in a word of the record and in a sentence."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.record.documents import Reason
from bench.training.events import Diverged

# What torch, its CPU allocator and CUDA's libraries say, in lower case, where they raise a plain RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed")


def explain(error: Exception, batch: int | None = None) -> tuple[Reason, str]:
    """The reason and the message of a failed run. `batch` is the number of images a step was to see, where known.

    Call it inside the `except` block: memory that the failed step held still counts as in use there.
    """
    if isinstance(error, Diverged):
        return "DIVERGED", str(error)
    if _ran_out(error):
        return "OOM", f"{_needed(batch)}{first_line(error)}"
    return "ERROR", f"{type(error).__name__}: {first_line(error)}"


def _ran_out(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _needed(batch: int | None) -> str:
    parts = [f"batch of {batch}"] if batch else []
    if torch.cuda.is_initialized():
        parts.append(f"{torch.cuda.memory_allocated() / 2**30:.3g} GiB already in use by this process")
    return f"{', '.join(parts)}: " if parts else ""


def first_line(error: BaseException) -> str:
    """The first line of an error as UTF-8 can say it, without the name of the user's home folder in it."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].encode(errors="replace").decode()
    return line.replace(str(Path.home()), "~")[:500]
