"""Every BENCH_* variable is known in one place, and documented."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bench.variables
from bench.programs.job import PORT_VARIABLE, SEED
from bench.programs.measurement import EVENTS
from bench.variables import ACCELERATORS, LEASE_STARTED, LEASE_TAGS, VARIABLES

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"\bBENCH_[A-Z0-9_]+")  # and not _BENCH_COMPLETE, which is of click
# Switches of the test suite itself.
OF_TESTS = {
    "BENCH_FOCUS_VALIDATOR",
    "BENCH_FUZZ",
    "BENCH_TEST_CLOUD",
    "BENCH_TEST_CONTAINER",
    "BENCH_TEST_MLPERF",
    "BENCH_TEST_TRIALS",
    "BENCH_TEST_PYTHON",
    "BENCH_TEST_TRAINER",
}


def names_in_code(path: Path) -> set[str]:
    """Where a name stands in a text that is no docstring, such as `spool.py:32`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docstrings = {body[0].value for body in bodies if body and isinstance(body[0], ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {f"{path.name}:{text.lineno}" for text in texts if NAME.search(str(text.value)) and text not in docstrings}


def test_a_name_is_spelled_in_one_module_only() -> None:
    files = [path for top in ("bench", "analysis") for path in (ROOT / top).rglob("*.py")]
    # What goes to a machine alone cannot import the others.
    alone = {path for path in files if (ROOT / "bench" / "programs") in path.parents}
    assert {path.name for path in set(files) - alone if names_in_code(path)} == {"variables.py"}
    assert {EVENTS, SEED} == {bench.variables.EVENTS.name, bench.variables.SEED.name}
    assert bench.variables.NODES_PORT.name == PORT_VARIABLE


@pytest.mark.parametrize("pattern", ["sky/*.sh", "sky/*.yaml", "sky/*.md", "docs/*.md", "README.md", "Dockerfile"])
def test_what_scripts_and_documents_name_is_known(pattern: str) -> None:
    named = {name for path in ROOT.glob(pattern) for name in NAME.findall(path.read_text(encoding="utf-8"))}
    assert named - set(VARIABLES) - OF_TESTS == set()


def test_each_variable_is_documented() -> None:
    pages = [ROOT / "README.md", ROOT / "Dockerfile", ROOT / "sky" / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = " ".join(page.read_text(encoding="utf-8") for page in pages)
    assert set(VARIABLES) - set(NAME.findall(text)) == set()


@pytest.mark.parametrize("text", ["V100:8", "A100-80GB:1"])
def test_accelerators_are_written_as_they_are_read(text: str) -> None:
    assert str(ACCELERATORS.parse(text)) == text


def test_accelerators_without_a_number_are_one() -> None:
    assert str(ACCELERATORS.parse("T4")) == "T4:1"


@pytest.mark.parametrize("environ", [{}, {"BENCH_LEASE_TAGS": ""}, {"BENCH_LEASE_TAGS": " \r"}])
def test_an_empty_variable_is_one_that_is_not_set(environ: dict[str, str]) -> None:
    assert LEASE_TAGS.read(environ) is None


@pytest.mark.parametrize("end", ["\r", "\n", " "])
def test_what_ends_a_line_of_a_file_is_no_part_of_a_value(end: str) -> None:
    """Docker gives a variable the carriage return of its --env-file."""
    assert LEASE_STARTED.read({"BENCH_LEASE_STARTED": f"1795345200{end}"}) == datetime(2026, 11, 22, 11, tzinfo=UTC)


@pytest.mark.parametrize("seed", [0, 2**31, 2**31 + 999])
def test_a_seed_that_an_option_takes_is_one_for_the_variable(seed: int) -> None:
    assert bench.variables.SEED.read({"BENCH_SEED": str(seed)}) == seed


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BENCH_STOR", "BENCH_STORE"),
        ("bench_store", "BENCH_STORE"),
        ("BENCH_RUN", "BENCH_RUNS"),
        ("BENCH_PRICE_HOUR", "BENCH_PRICE_PER_HOUR"),
        ("BENCH_S3_SSE_KMS_KEY", "BENCH_S3_SSE_KMS_KEY_ID"),
    ],
)
def test_a_misspelt_name_has_the_one_that_is_meant(name: str, meant: str) -> None:
    assert bench.variables.misspelt({name: "x", "HOME": "/root"}) == {name: meant}


def test_names_of_the_tests_and_of_other_programs_are_not_misspelt() -> None:
    assert bench.variables.misspelt(dict.fromkeys([*VARIABLES, *OF_TESTS, "BENCH_WIDTH", "_BENCH_COMPLETE"], "x")) == {}
