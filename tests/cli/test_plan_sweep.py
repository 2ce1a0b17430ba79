"""bench plan with a sweep file, as a user asks for it: no account, no network, no torch."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import UsageError
from bench.record.documents import Device
from bench.store import FolderStore
from bench.sweep.planning.history import History
from bench.sweep.planning.plan import ask_all, plan
from bench.sweep.planning.render import render
from bench.sweep.spec import Sweep
from tests.support.builders import make_run

ROOT = Path(__file__).parents[2]
SWEEP = {"name": "try", "recipes": ["myrtle"], "runs": 5, "machines": ["v100", "a100"]}
TASKS = {"v100": {"accelerators": "V100:1", "infra": "aws"}, "a100": {"accelerators": "A100:1", "infra": "lambda"}}


@pytest.fixture
def sweep(tmp_path: Path):
    """`sweep(**changes)`: write sweep.yaml and its task files where `bench` is called; returns the file's name."""

    def write(**changes: object) -> str:
        (tmp_path / "sky").mkdir(exist_ok=True)
        for name, resources in TASKS.items():
            (tmp_path / "sky" / f"{name}.yaml").write_text(yaml.safe_dump({"resources": resources}))
        (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, **changes}, sort_keys=False))
        return "sweep.yaml"

    return write


@pytest.fixture
def call(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """`call(*words)`: bench plan --offline in this process, where sweep.yaml is."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)

    def run(*words: str, **more: str) -> Result:
        return CliRunner().invoke(cli, ["plan", *words, "--offline"], env=more)

    return run


def test_a_table_of_what_would_be_rented_the_cheapest_first(bench, sweep) -> None:
    done = bench("plan", sweep(max_cost=20, max_duration="2h"), "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    header, rows = lines[0].split(), lines[2:4]
    assert header[:4] == ["cell", "file", "machine", "pricing"]
    assert [row.split()[0] for row in rows] == ["a100", "v100"]
    assert all("extrapolated" in row for row in rows)
    assert "sky/v100.yaml  1 x V100, aws:p3.2xlarge  " in done.stdout
    assert "try: 5 runs each of myrtle, 2 machines; total 1." in done.stdout
    assert "max_cost 20.00 USD: kept by the upper bound" in done.stdout
    assert "max_duration 2 h, all cells side by side: kept by the upper bound" in done.stdout
    assert "unpriced at aws, and on top: disk, egress" in done.stdout
    assert "aws charges on-demand machines by 1 s, at least 60 s" in done.stdout
    assert "until a machine is there: assumed 2 min, at most 10" in done.stdout
    assert "(1) price book: " in done.stdout


def test_unknown_dollars_are_spelled_out_and_the_total_is_at_least(call, sweep) -> None:
    done = call(sweep(pricing=["on-demand", "spot"]))
    assert "total at least 1." in done.stdout
    assert "and what 2 of them cost is unknown and not in it" in done.stdout
    assert "v100-spot: no spot price known" in done.stdout
    assert "spot: what is lost to a pre-emption and made again is not counted" in done.stdout
    only = call(sweep(pricing=["spot"]))
    assert "2 machines; total unknown" in only.stdout


def test_programs_read_what_people_do(call, sweep) -> None:
    name = sweep(pricing=["on-demand", "spot"], max_cost=100)
    read = json.loads(call(name, "--format", "json").stdout)
    rows = list(csv.DictReader(call(name, "--format", "csv").stdout.splitlines()))
    assert [cell["cell"] for cell in read["cells"]] == [row["cell"] for row in rows]
    assert [cell["dollars"] or "" for cell in read["cells"]] == [row["dollars"] for row in rows]
    first, *_, last = read["cells"]
    assert (first["per_hour"], first["instance"], first["parts_unpriced"]) == (
        "1.99",
        "lambda:gpu_1x_a100_sxm4",
        ["disk", "public-ip", "egress"],
    )
    assert first["parts_of_time"]["myrtle: run"]["known_by"] == "extrapolated"
    assert (last["dollars"], last["per_hour"], last["unknown_because"]) == (None, None, "no spot price known")
    known = sum(float(cell["dollars"]) for cell in read["cells"] if cell["dollars"])
    assert float(read["total"]["dollars"]) == pytest.approx(known, abs=2e-6)
    assert read["total"]["cells_of_unknown_dollars"] == 2
    assert read["keeps_max_cost"] is None
    assert read["keeps_max_duration"] is None
    assert rows[0]["parts_unpriced"] == "disk; public-ip; egress"


def test_markdown_is_a_table_with_its_notes(call, sweep) -> None:
    lines = call(sweep(), "--format", "markdown").stdout.splitlines()
    assert lines[0].startswith("| cell | file | machine |")
    assert {line.count(" | ") for line in lines[:4]} == {11}
    assert lines[4] == ""
    assert all(line.startswith("- ") for line in lines[5:])


def test_records_of_the_named_stores_go_before_extrapolation(call, sweep, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "mine")
    store.check_writable()
    gpu = Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float16", path="graphs")
    for _ in range(3):
        store.put(make_run(device=gpu))
    done = call(sweep(), "--store", "mine")
    assert "measured, n = 3" in done.stdout
    assert "(3 of 3 hit)" in done.stdout
    assert "(3 of 3 hit*)" in done.stdout
    assert "*: the rate of runs on other machines" in done.stdout
    assert call(sweep(), BENCH_STORE=str(store.root)).stdout == done.stdout
    assert "measured" not in call(sweep()).stdout


def test_a_record_that_cannot_be_trusted_is_named_and_the_plan_still_comes(bench, sweep, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "results" / "local")
    store.check_writable()
    path = store.root / store.put(make_run())
    path.write_bytes(path.read_bytes()[:-9])
    done = bench("plan", sweep(), "--offline")
    assert done.returncode == 5
    assert "results/local" in done.stderr
    assert "total 1." in done.stdout


def test_prices_that_fail_are_named_on_stderr(bench, sweep) -> None:
    done = bench(
        "plan",
        sweep(),
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_CONFIG_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
    )
    assert done.returncode == 0
    assert "bench: aws pricing gave no prices: no AWS credentials found" in done.stderr
    assert "aws:p3.2xlarge" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.yaml"], "none.yaml: cannot be read (No such file or directory)"),
        (["quick", "sweep.yaml"], "bench plan takes recipes, or one sweep file"),
        (["sweep.yaml", "--runs", "3"], "--runs is for recipes on this machine"),
        (["sweep.yaml", "--instance", "aws:p3.2xlarge"], "--instance is for recipes on this machine"),
        (["quick"], "--offline is for a sweep file"),
        (["quick", "--store", "x"], "--store is for a sweep file"),
    ],
)
def test_a_mistake_is_named(sweep, call, words: list[str], said: str) -> None:
    sweep()
    done = call(*words)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
    assert done.stdout == ""


def test_a_mistake_in_the_file_is_one_line(bench, sweep) -> None:
    done = bench("plan", sweep(recipes=["myrtl"]))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bench: sweep.yaml:3: recipes[0]: no recipe is called 'myrtl'; did you mean myrtle?\n"


def test_variables_for_other_commands_are_no_mistake(call, sweep) -> None:
    assert call(sweep(), BENCH_INSTANCE="aws:p3.2xlarge", BENCH_SPOT="1").exit_code == 0


def test_torch_is_not_imported(sweep, tmp_path: Path) -> None:
    code = (
        "import sys; from bench.cli import cli\n"
        f"cli(['plan', {sweep()!r}, '--offline'], standalone_mode=False)\n"
        "sys.exit(f'imported {heavy}' if (heavy := {'torch', 'scipy', 'sky'} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_old_prices_are_marked_but_not_in_markdown(sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep()
    monkeypatch.chdir(tmp_path)
    done = plan(Sweep.model_validate(SWEEP), History(), lambda query: ask_all(query, offline=True))
    later = date(2027, 6, 1)
    assert ", stale (1)" in render(done, "table", later, terminal=False)
    assert "stale: seen more than 30 days ago" in render(done, "table", later, terminal=False)
    assert "stale" not in render(done, "markdown", later, terminal=False)
    assert all(cell["price_stale"] for cell in json.loads(render(done, "json", later, terminal=False))["cells"])
    assert render(done, "markdown", datetime.now(UTC).date(), terminal=False) == render(
        done, "markdown", later, terminal=False
    )


def test_the_schema_of_a_sweep_file_is_printed(bench) -> None:
    printed = json.loads(bench("schema", "sweep").stdout)
    assert printed == json.loads((ROOT / "docs" / "schema" / "sweep.json").read_text())
    assert json.loads(bench("schema").stdout) == json.loads((ROOT / "docs" / "schema" / "record.json").read_text())
