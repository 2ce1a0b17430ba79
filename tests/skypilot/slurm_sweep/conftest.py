"""A Slurm cluster and an S3 for the tests here, made once."""

from __future__ import annotations

import shlex
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.skypilot import loopback
from tests.skypilot.slurm_sweep import slurm_nodes
from tests.skypilot.slurm_sweep.calls import Bench, Call
from tests.support import seaweedfs

# On the node, in the checkout that SkyPilot put there, with the libraries of this Python.
_STAND_IN = """\
#!/bin/sh
export PYTHONPATH="$PWD:{packages}"
exec {python} tests/skypilot/slurm_sweep/stand_in.py "$@"
"""


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    if lacks := slurm_nodes.lacking():
        pytest.fail(lacks, pytrace=False)
    with loopback.public_folder() as path:
        yield path


@pytest.fixture(scope="session")
def s3(folder: Path) -> Iterator[seaweedfs.SeaweedFS]:
    with seaweedfs.running(folder / "s3") as server:
        yield server


@pytest.fixture(scope="session")
def slurm(folder: Path, s3: seaweedfs.SeaweedFS) -> Iterator[slurm_nodes.Slurm]:
    """The cluster, with the stand-in for `bench` on its nodes, and the S3's keys in the environment of the sweep."""
    with slurm_nodes.slurm(folder, **s3.environment) as cluster:
        program = cluster.machine.path / "bench"
        program.write_text(
            _STAND_IN.format(packages=shlex.quote(sysconfig.get_paths()["purelib"]), python=loopback.anybodys_python())
        )
        program.chmod(0o755)
        yield cluster


@pytest.fixture
def bench(slurm: slurm_nodes.Slurm, tmp_path: Path) -> Iterator[Bench]:
    """`bench(*words)`: call it, and end it with the test."""
    calls: list[Call] = []

    def call(*words: object) -> Call:
        calls.append(Call(words, slurm.environment, tmp_path / f"output.{len(calls)}"))
        return calls[-1]

    yield call
    for each in calls:
        each.process.kill()
        each.process.wait()
