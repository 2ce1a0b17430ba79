"""An engine and an image of the Dockerfile, both made once: `make test-container` runs these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.container import engine as engines, wheels
from tests.container.engine import COMMIT, ROOT


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """A running engine."""
    if not os.environ.get("BENCH_TEST_CONTAINER"):
        pytest.skip("make test-container runs it")
    if lacks := engines.lacking():
        pytest.fail(lacks, pytrace=False)
    with engines.running(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap(engine: engines.Engine) -> Iterator[Future[None]]:
    """The image of Debian in the making, while wheels are fetched."""

    def make() -> None:
        with subprocess.Popen(
            ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-pip", "bookworm", "-"],
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(engine.folder)},
        ) as made:
            engine.docker("import", "-", "debian-python", stdin=made.stdout)
        assert made.returncode == 0

    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(make)


@pytest.fixture(scope="session")
def index(bootstrap: Future[None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where builds find wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels.download(folder, ROOT / "requirements.lock")
    with wheels.served(folder) as url:
        yield url
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def debian(bootstrap: Future[None]) -> str:
    """An image of Debian with Python and pip, and nothing else."""
    bootstrap.result()
    return "debian-python"


@pytest.fixture(scope="session")
def base(engine: engines.Engine, index: str, debian: str) -> str:
    """An image with torch, as PyTorch's own are: installed for the system's Python, which Debian manages."""
    pip = f"pip install --break-system-packages --no-cache-dir --no-index --find-links {index}"
    text = f"FROM {debian}\nRUN python3 -m {pip} {wheels.TORCH} numpy pillow\n"
    engine.build("torch-cpu", "-", text=text)
    return "torch-cpu"


@pytest.fixture(scope="session")
def image(engine: engines.Engine, base: str, index: str) -> str:
    """The Dockerfile, built on that base."""
    engine.build("bench", str(ROOT), BASE=base, PIP_FIND_LINKS=index, PIP_NO_INDEX="1", GIT_COMMIT=f"{COMMIT}-dirty")
    return "bench"


@pytest.fixture(scope="session")
def data(engine: engines.Engine, cifar10: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """CIFAR-10 in a folder that every user can read."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copytree(cifar10, folder, dirs_exist_ok=True)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
