"""Recipes compiled for the fake GPU: `python -m tests.fake_gpu.compiled PATH RECIPE…`, a JSON line for each.

Triton's own assembler writes real machine code, which only nothing runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch._dynamo.utils import counters
from torch._inductor import metrics
from torch._logging._internal import set_logs

from tests.fake_gpu.gpu import FakeGpu
from tests.fake_gpu.train import Paths, paths_of, steps, tell

# Where an ELF file says which version of the ABI it is of, and where it has its flags. The architecture is NVIDIA's
# lowest byte there, and from version 8 of the ABI on the one after it.
_ABI, _FLAGS = 8, 0x30


def architectures() -> list[int]:
    """Of all machine code in Triton's cache: [75, 90]."""
    files = [file.read_bytes() for file in Path(os.environ["TRITON_CACHE_DIR"]).rglob("*.cubin")]
    return sorted({file[_FLAGS + (file[_ABI] >= 8)] for file in files})


def compiled(recipe: str, paths: Paths, gpu: FakeGpu) -> dict[str, Any]:
    """Train as train.py does, and look at what the compiler made."""
    torch._dynamo.reset()
    counters.clear()
    metrics.reset()
    told = steps(recipe, paths, gpu)
    return told | {
        "graphs": counters["stats"]["unique_graphs"],
        "breaks": dict(counters["graph_break"]),
        "bytes": metrics.num_bytes_accessed,
        "architectures": architectures(),
    }


if __name__ == "__main__":
    # Inductor counts bytes only for a log that somebody reads.
    set_logs(inductor_metrics=True)
    path, *recipes = sys.argv[1:]
    tell(compiled, recipes, paths_of(path))
