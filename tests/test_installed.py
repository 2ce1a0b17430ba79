"""What a wheel installs: with the code, every file that the code reads."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE_DATA: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
    "package-data"
]


@pytest.mark.parametrize("package", ["bench", "analysis"])
def test_every_file_beside_the_code_is_installed_with_it(package: str) -> None:
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    installed = {path for pattern in PACKAGE_DATA[package] for path in (ROOT / package).glob(pattern)}
    assert files <= installed, files - installed
