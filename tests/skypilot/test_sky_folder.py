"""The folder sky/ at the repository's root has the name of SkyPilot's package, and never stands in its place."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.skypilot import loopback

ROOT = Path(__file__).parents[2]


def test_the_folder_holds_no_python() -> None:
    assert {path.suffix for path in (ROOT / "sky").rglob("*")} <= {".yaml", ".sh", ".md"}


def test_bench_knows_whether_skypilot_is_installed() -> None:
    try:
        installed = bool(version("skypilot"))
    except PackageNotFoundError:
        installed = False
    assert _python("from bench.billing.offers.skypilot import installed; print(installed())") == str(installed)


@pytest.mark.slow
@loopback.WANTED
def test_import_sky_in_the_repository_is_skypilot() -> None:
    module, file = _python("import sky; print(sky.Task.__module__, sky.__file__)").split()
    assert module == "sky.task"
    assert not Path(file).is_relative_to(ROOT / "sky")


def _python(code: str) -> str:
    """What it prints in the repository's root, which stands first on its path."""
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
