"""The fake GPU, built once, and programs that have it in place of a real one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fake_gpu import forked
from tests.fake_gpu.build import LIBRARY, build, reason_to_skip, was_tried
from tests.support.once import made_once

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Machine:
    """A machine with fake GPUs: `capability` 75 is 7.5."""

    libcuda: Path
    cache: Path
    capability: int = 90
    gib: int = 80
    gpus: int = 1

    def environment(self) -> dict[str, str]:
        """The variables that make it one."""
        return {
            "LD_PRELOAD": str(self.libcuda),
            "FAKE_GPU_CAPABILITY": str(self.capability),
            "FAKE_GPU_GIB": str(self.gib),
            "FAKE_GPU_COUNT": str(self.gpus),
            "TORCH_CUDNN_V8_API_DISABLED": "1",  # cuda/cudnn.cpp says why
            "TRITON_LIBCUDA_PATH": str(self.libcuda.parent),
            "TORCHINDUCTOR_CACHE_DIR": str(self.cache / "inductor"),
            "TRITON_CACHE_DIR": str(self.cache / "triton"),
            "OMP_NUM_THREADS": "1",
        }

    def python(
        self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """A Python of this checkout there."""
        variables = {**os.environ, **self.environment(), "PYTHONPATH": str(ROOT), **(env or {})}
        return forked.python(words, variables, ROOT, timeout)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One H100 that computes nothing; `dataclasses.replace` makes another of it.

    The workers share it, and what is compiled for it.
    """
    if reason := reason_to_skip():
        pytest.skip(reason)

    def make(folder: Path) -> None:
        machine = Machine(build(folder), folder)
        done = machine.python("-c", "import torch; torch.ones(2, device='cuda').add_(1).sum().item()")
        assert done.returncode == 0, done.stderr

    try:
        folder = made_once(tmp_path_factory, "fake_gpu", make)
    except AssertionError as error:
        if was_tried():
            raise
        pytest.skip(f"does not carry this torch, with which nobody tried it: {str(error)[-300:]}")
    return Machine(folder / LIBRARY, folder)


def compiled(machine: Machine, tmp_path: Path, recipe: str, **env: str) -> dict[str, Any]:
    """What compiled.py tells of a recipe, from empty caches but for what `env` says."""
    fresh = replace(machine, cache=tmp_path)
    done = fresh.python("-m", "tests.fake_gpu.compiled", "compiled-captured", recipe, env=env, timeout=3600)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in told, told["error"]
    return told
