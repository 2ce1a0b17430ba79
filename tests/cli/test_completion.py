"""`bench completion`: what each shell is given, and what bash then completes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.types import Bench


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_bench_itself(bench: Bench, shell: str) -> None:
    done = bench("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_BENCH_COMPLETE={shell}_complete" in done.stdout


def test_another_shell_is_a_usage_error(bench: Bench) -> None:
    assert bench("completion", "tcsh").returncode == 2


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("bench do", ["doctor", "down"]),
        ("bench run airb", ["airbench94", "airbench94-muon"]),
        ("bench lease forecast q", ["quick"]),
        ("bench store c", ["compact"]),
        ("bench report --form", ["--format"]),
        ("bench completion f", ["fish"]),
        ("bench compare my", ["myrtle", "myrtle-tricks", "myrtle-tricks-13ep"]),
        ("bench claims page-cost-", ["page-cost-fastest", "page-cost-success", "page-cost-"]),
        ("bench plan docs/", ["docs/"]),  # bash looks for files itself
        ("bench report --store res", ["res"]),
    ],
)
def test_bash_completes_commands_recipes_and_options(bench: Bench, words: str, completed: list[str]) -> None:
    place = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = bench(_BENCH_COMPLETE="bash_complete", **place)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == completed


def test_a_command_is_completed_without_what_it_imports(tmp_path: Path, environment: dict[str, str]) -> None:
    code = (
        "import sys; sys.argv = ['bench']; from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(f'imported {heavy}' if (heavy := {'torch', 'pandas', 'pydantic', 'boto3'} & set(sys.modules)) else 0)"
    )
    asked = {"_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": "bench r", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment | asked
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["plain,recipes", "plain,run", "plain,report", "plain,reconcile"]
