"""A container without a compiler on the fake GPU: with the one file that Triton builds it takes the compiled path.

A whole recipe is compiled in it, for the oldest GPU.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.container.engine import ROOT, Engine, variables
from tests.fake_gpu.build import build, reason_to_skip, site_packages
from tests.fake_gpu.conftest import Machine

# What a compiler needs on the PATH; `file` is left out, by which Triton's cache would tell this machine from another.
COMPILER = ("gcc", "as", "ld")
# The oldest that torch with CUDA 13 has kernels for; its tensor cores differ most from those of newer ones.
OLDEST = 75
PATH = "compiled-captured"
CHOOSE = "from bench.training.api import choose; print(choose().path)"


@dataclass(frozen=True)
class Container:
    """Debian with Python and nothing that compiles; torch for CUDA, this checkout and the GPU are mounted into it."""

    engine: Engine
    image: str
    machine: Machine

    def run(self, *words: str) -> str:
        """What the command prints."""
        read_only = [str(site_packages()), str(self.machine.libcuda.parent), str(ROOT)]
        mounts = [word for folder in read_only for word in ("-v", f"{folder}:{folder}:ro")]
        cache = ("-v", f"{self.machine.cache}:{self.machine.cache}")
        paths = {"PYTHONPATH": f"{ROOT}:{site_packages()}", "HOME": "/tmp", "USER": "bench"}
        hardened = ("--read-only", "--tmpfs=/tmp:exec", "--cap-drop=ALL", "--network=none", f"--workdir={ROOT}")
        environment = variables({**self.machine.environment(), **paths})
        return self.engine.docker("run", "--rm", *hardened, *mounts, *cache, *environment, self.image, *words).stdout


@pytest.fixture
def container(engine: Engine, debian: str, tmp_path: Path) -> Container:
    """One with the oldest GPU, from empty caches."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    folders = [tmp_path / name for name in ("gpu", "compiled")]
    for folder in folders:
        folder.mkdir()
    return Container(engine, debian, Machine(build(folders[0]), folders[1], OLDEST))


def test_with_triton_s_launcher_a_container_without_a_compiler_compiles_and_captures(
    container: Container, tmp_path: Path
) -> None:
    compilers = "command -v gcc g++ cc c++ clang ld as; true"
    assert container.run("sh", "-c", compilers) == ""
    assert container.run("python3", "-c", CHOOSE).strip() == "captured"
    put_launcher_into(container.machine, tmp_path / "bin")
    assert container.run("python3", "-c", CHOOSE).strip() == PATH
    told = json.loads(container.run("python3", "-m", "tests.fake_gpu.compiled", PATH, "quick"))
    assert (told.get("error"), told["path"], told["breaks"]) == (None, PATH, {})
    assert told["architectures"] == [OLDEST]
    assert {step["graphs"] for epoch in told["steps"] for step in epoch} == {1}


def put_launcher_into(machine: Machine, folder: Path) -> None:
    """As a stage of a build with a compiler would: Triton builds its launcher into its cache, and nothing else."""
    folder.mkdir()
    for name in COMPILER:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    done = machine.python("-c", CHOOSE, env={"PATH": str(folder)})
    assert (done.returncode, done.stdout.strip()) == (0, PATH), done.stderr
    built = [file for file in machine.cache.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in built if file.suffix == ".so") < 100_000
