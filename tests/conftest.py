"""Fixtures for all tests. Free of torch."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# No test but its own needs to know how fast the machine is.
os.environ.setdefault("BENCH_FINGERPRINT", "0")

import pytest
from botocore.loaders import Loader
from hypothesis import settings

from bench.host import cores
from bench.record.documents import Run
from tests.support import builders
from tests.support.once import made_once

ROOT = Path(__file__).parents[1]

# Where the environment forbids it too: hundreds of programs start here, and each would compile all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Under nohup SIGHUP is ignored, and in the background of a script SIGINT, by every process that a test starts too.
# Tests send both.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no defect: how long an example takes is not a fact that tests state.
settings.register_profile("no deadline", deadline=None, max_examples=50)
# Where the same tests run a second time, with other versions: `--hypothesis-profile few`.
settings.register_profile("few", deadline=None, max_examples=10)
settings.load_profile("no deadline")


# Where torch is missing, as on a laptop that only reports, what trains is left out.
NEEDS_TORCH = [
    "cli/test_quick.py",
    "doctor/test_*.py",
    "fake_gpu/test_*.py",
    "lease/test_run.py",
    "measure/test_*.py",
    "recipes/test_*.py",
    "training/test_*.py",
]
collect_ignore_glob = [] if find_spec("torch") else NEEDS_TORCH

# The longest files begin first, so that no worker waits for one in the end.
LONGEST = (
    "tests/cli/test_quick.py",
    "tests/fake_gpu/test_recipes.py",
    "tests/fake_gpu/",
    "tests/recipes/",
    "tests/store/",
    "tests/measure/",
    "tests/cli/",
)


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: a fifth of the tests' time is waiting."""
    return cores() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Workers share the cores: one thread each, and no process of its own for Inductor to compile in.

    Both are read when torch and numpy are loaded, so they are set before a worker is there. `specs` are execnet's.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    if sys.platform == "linux":
        from tests.support.workers import forked

        workers = ExitStack()
        config.add_cleanup(workers.close)
        specs[:] = workers.enter_context(forked(specs))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Refines `--dist loadfile`. `log` is xdist's."""
    from tests.support.workers import ByPlace

    return ByPlace(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are wanted, files without any are left out: to import them takes each worker seconds."""
    if config.option.markexpr == "slow" and collection_path.match("test_*.py"):
        return True if "mark.slow" not in collection_path.read_text() else None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first, and change nothing else in their order."""

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(ROOT).as_posix()
        return next((n for n, start in enumerate(LONGEST) if file.startswith(start)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Keep what is imported out of every collection of garbage, which with torch and pandas would take a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_its_files_once() -> Iterator[None]:
    """Every client of S3 reads megabytes of JSON, the same for all: here the clients of a worker share them."""
    made, read = Loader.__init__, dict[Any, Any]()

    def sharing(loader: Loader, *words: Any, **named: Any) -> None:
        made(loader, *words, **named)
        loader._cache = read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "__init__", sharing)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spools and locks of this machine's own user, and of another worker, are none of a test's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """`make_run(**changes)`: a completed run with changes made to its fields."""
    return builders.make_run


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real CIFAR-10: `CIFAR10_DIR`, or unpacked from `shared/cifar10` beside the checkout."""
    if named := os.environ.get("CIFAR10_DIR"):
        return Path(named)
    unpack = Path(__file__).parents[2] / "shared" / "cifar10" / "unpack.py"
    if not unpack.exists():
        pytest.skip("needs the real CIFAR-10: set CIFAR10_DIR")

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, str(unpack), str(folder)], check=True, capture_output=True)

    return made_once(tmp_path_factory, "cifar10", make)
