"""bench claims: with nothing at hand, with a store, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store import open_store
from tests.support.program_runs import make_program_run
from tests.support.types import Bench, MakeRun

MYRTLE = {
    "page-time": "not supported",
    "page-gpus": "supported",
    "page-cost": "supported",
    "page-cost-fastest": "supported",
    "page-cost-success": "not supported",
    "page-time-single": "supported",
}


def test_the_claims_need_no_store(bench: Bench) -> None:
    result = bench("claims", "--format", "json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert {check["id"]: check["verdict"] for check in json.loads(result.stdout)["checks"]} == MYRTLE


@pytest.mark.parametrize(("words", "code"), [(("page-time",), 3), (("page-gpus", "page-cost"), 0)])
def test_fail_turns_verdicts_into_exit_codes(bench: Bench, words: tuple[str, ...], code: int) -> None:
    assert bench("claims", *words, "--fail").returncode == code


def test_a_store_that_is_named_has_to_be_there(bench: Bench) -> None:
    result = bench("claims", "--store", "nowhere")
    assert result.returncode == 1
    assert "nowhere" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_unknown_claim_names_those_there_are(bench: Bench) -> None:
    result = bench("claims", "page")
    assert result.returncode == 2
    assert result.stderr.startswith("bench: 'page' is not a claim; choose from page-time,")


def test_an_altered_record_is_named_and_the_claims_are_shown(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    path = tmp_path / "store" / open_store(tmp_path / "store").put(make_run())
    path.write_bytes(path.read_bytes().replace(b'"seed":7', b'"seed":3'))
    result = bench("claims", "page-gpus", "--store", "store", "-o", "claims.md", "--format", "markdown")
    assert result.returncode == 5
    assert path.name in result.stderr
    assert "supported" in (tmp_path / "claims.md").read_text()


def test_a_file_that_cannot_be_written_is_named(bench: Bench) -> None:
    result = bench("claims", "-o", "nowhere/claims.md")
    assert result.returncode == 1
    assert "nowhere/claims.md" in result.stderr


@pytest.mark.slow
def test_claims_do_not_import_torch() -> None:
    code = (
        "import sys; from bench.cli import cli\n"
        "cli(['claims', 'page-gpus'], standalone_mode=False)\n"
        "sys.exit('imported torch' if 'torch' in sys.modules else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_claims_of_ones_own(bench: Bench, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    for seed in range(8):
        store.put(make_program_run(seed=seed))
    claim = '[[claim]]\nid = "{0}"\ntext = "{0}"\nA = "gpt2"\nat_most = "{1}"\n'
    (tmp_path / "mine.toml").write_text(claim.format("fast", 20) + claim.format("faster", 10))
    done = bench("claims", "mine.toml", "--store", "store", "--format", "json", "--fail")
    assert [check["verdict"] for check in json.loads(done.stdout)["checks"]] == ["supported", "not supported"]
    assert done.returncode == 3
    assert bench("claims", "mine.toml", "airbench", "--store", "store").returncode == 2
