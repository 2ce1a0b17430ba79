"""The workers of pytest-xdist: what they are forked from, and which of them runs a test."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from execnet import XSpec
from xdist.scheduler import LoadScopeScheduling

from tests.support import warm_python

# What most tests import, and what they import of it. To load it takes each worker ten seconds of a core.
LOADED = (
    "matplotlib.figure",
    "scipy.stats",
    "torchvision",
    "torch._dynamo.testing",
    "boto3",
    "analysis.report.report",
    "bench.cli",
)


@contextmanager
def forked(specs: list[XSpec]) -> Iterator[list[XSpec]]:
    """The same workers, forked from a process that has LOADED loaded, which ends with the context."""
    with TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        server = warm_python.start(address, ",".join(name for name in LOADED if find_spec(name.partition(".")[0])))
        words = [sys.executable, "-I", "-S", warm_python.__file__, address, "", sys.executable, sys.executable]
        python = shlex.join(words)
        yield [XSpec(f"{spec}//python={python}") for spec in specs]
        server.terminate()
        server.wait()


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # it publishes no types
    """The tests of a file have one worker, and so have those of some folders, whose means are costly or there once."""

    def _split_scope(self, nodeid: str) -> str:
        """A machine holds one Slurm cluster. A worker has torch loaded on the fake GPU after ten seconds."""
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("/fake_gpu") or "/skypilot/" in folder else file
