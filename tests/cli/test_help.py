"""Help: cheap and complete."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "torchvision", "pandas", "scipy", "numpy", "boto3", "matplotlib", "pydantic"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["recipes"]])
def test_the_first_words_import_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from bench.cli import cli\n"
        f"cli({words!r}, standalone_mode=False)\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_report_does_not_import_torch() -> None:
    code = (
        "import sys; from bench.cli import cli\n"
        "try:\n    cli(['report', '--store', '.'], standalone_mode=False)\nexcept SystemExit:\n    pass\n"
        "sys.exit('imported torch' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT / "results"
    )
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
