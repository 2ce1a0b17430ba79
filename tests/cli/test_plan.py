"""bench plan, as a user asks for it: no account, no network, no torch."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import RecordError, UsageError
from bench.record.documents import Device
from bench.store import FolderStore
from bench.sweep.planning.duration import History
from bench.sweep.planning.plan import ask_all, plan_sweep
from bench.sweep.planning.render import render
from bench.sweep.spec import Sweep
from tests.support.builders import make_run
from tests.support.program_runs import PROGRAM, make_program_run
from tests.support.schema import without_doubles
from tests.support.types import Bench

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).parent / "expected"
SWEEP = {"name": "try", "recipes": ["myrtle"], "runs": 5, "machines": ["v100", "a100"]}
TASKS = {"v100": {"accelerators": "V100:1", "infra": "aws"}, "a100": {"accelerators": "A100:1", "infra": "lambda"}}
WriteSweep = Callable[..., str]
Call = Callable[..., Result]


@pytest.fixture
def sweep(tmp_path: Path) -> WriteSweep:
    """`sweep(**changes)`: write sweep.yaml and its task files where `bench` is called; returns the file's name."""

    def write(**changes: object) -> str:
        (tmp_path / "sky").mkdir(exist_ok=True)
        for name, resources in TASKS.items():
            (tmp_path / "sky" / f"{name}.yaml").write_text(yaml.safe_dump({"resources": resources}))
        (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, **changes}, sort_keys=False))
        return "sweep.yaml"

    return write


@pytest.fixture
def call(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """`call(*words)`: bench plan --offline in this process, where sweep.yaml is."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)

    def run(*words: str, **variables: str) -> Result:
        return CliRunner().invoke(cli, ["plan", *words, "--offline"], env=variables)

    return run


def _put_runs(folder: Path, count: int) -> FolderStore:
    """`count` runs of myrtle on a V100 in the store `folder`."""
    store = FolderStore(folder)
    store.check_writable()
    gpu = Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float16", path="graphs")
    for _ in range(count):
        store.put(make_run(device=gpu))
    return store


def test_what_would_be_rented_with_dollars_bounds_and_what_is_unknown(call: Call, sweep: WriteSweep) -> None:
    """UPDATE_EXPECTED=1 writes the file anew."""
    words = sweep(pricing=["on-demand", "spot"], max_cost=20, max_duration="2h")
    printed = call(words, "--format", "markdown").stdout
    expected = EXPECTED / "plan.md"
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(printed)
    assert printed == expected.read_text()


def test_the_table_has_the_cheapest_cell_first(bench: Bench, sweep: WriteSweep) -> None:
    result = bench("plan", sweep(), "--offline")
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].split()[:4] == ["cell", "file", "machine", "pricing"]
    assert [row.split()[0] for row in lines[2:4]] == ["a100", "v100"]


def test_json_and_csv_hold_the_same_numbers(call: Call, sweep: WriteSweep) -> None:
    name = sweep(pricing=["on-demand", "spot"], max_cost=100)
    content = json.loads(call(name, "--format", "json").stdout)
    rows = list(csv.DictReader(call(name, "--format", "csv").stdout.splitlines()))
    assert [cell["cell"] for cell in content["cells"]] == [row["cell"] for row in rows]
    assert [cell["dollars"] or "" for cell in content["cells"]] == [row["dollars"] for row in rows]
    first, *_, last = content["cells"]
    assert (first["per_hour"], first["instance"], first["parts_unpriced"]) == (
        "1.99",
        "lambda:gpu_1x_a100_sxm4",
        ["disk", "public-ip", "egress"],
    )
    assert first["parts_of_time"]["myrtle: run"]["known_by"] == "extrapolated"
    assert (last["dollars"], last["per_hour"], last["unknown_because"]) == (None, None, "no spot price known")
    known = sum(float(cell["dollars"]) for cell in content["cells"] if cell["dollars"])
    assert float(content["total"]["dollars"]) == pytest.approx(known, abs=2e-6)
    assert content["total"]["cells_of_unknown_dollars"] == 2
    assert content["keeps_max_cost"] is None
    assert content["keeps_max_duration"] is None
    assert rows[0]["parts_unpriced"] == "disk; public-ip; egress"


def test_records_of_the_named_stores_go_before_extrapolation(call: Call, sweep: WriteSweep, tmp_path: Path) -> None:
    store = _put_runs(tmp_path / "mine", 3)
    result = call(sweep(), "--store", "mine", "--format", "json")
    cells = {cell["cell"]: cell for cell in json.loads(result.stdout)["cells"]}
    assert cells["v100"]["time_known_by"] == "measured, n = 3"
    assert cells["a100"]["time_known_by"] == "extrapolated"
    assert [(cells[name]["hits"], cells[name]["tries"]) for name in ("v100", "a100")] == [(3, 3), (3, 3)]
    assert [cells[name]["tries_elsewhere"] for name in ("v100", "a100")] == [False, True]
    assert call(sweep(), "--format", "json", BENCH_STORE=str(store.root)).stdout == result.stdout
    assert "measured" not in call(sweep(), "--format", "json").stdout


def test_a_record_that_cannot_be_trusted_is_named_and_the_plan_still_comes(
    bench: Bench, sweep: WriteSweep, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "results" / "local")
    store.check_writable()
    path = store.root / store.put(make_run())
    path.write_bytes(path.read_bytes()[:-9])
    result = bench("plan", sweep(), "--offline", "--format", "json")
    assert result.returncode == RecordError.exit_code
    assert "results/local" in result.stderr
    assert len(json.loads(result.stdout)["cells"]) == 2


def test_prices_that_fail_are_named_on_stderr(bench: Bench, sweep: WriteSweep) -> None:
    result = bench(
        "plan",
        sweep(),
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_CONFIG_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
    )
    assert result.returncode == 0
    assert "aws pricing" in result.stderr
    assert "aws:p3.2xlarge" in result.stdout


def test_a_file_that_is_not_there_is_named(call: Call) -> None:
    result = call("none.yaml")
    assert isinstance(result.exception, UsageError)
    assert "none.yaml" in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize("words", [("quick",), ("quick", "myrtle"), ("--runs", "3", "quick"), ("sweep.yaml", "quick")])
def test_a_recipe_is_referred_to_bench_estimate(call: Call, sweep: WriteSweep, words: tuple[str, ...]) -> None:
    sweep()
    result = call(*words)
    assert isinstance(result.exception, UsageError)
    assert "bench estimate quick" in str(result.exception)


def test_a_mistake_in_the_file_is_one_line_with_its_place(bench: Bench, sweep: WriteSweep) -> None:
    result = bench("plan", sweep(recipes=["myrtl"]))
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("bench: sweep.yaml:3: recipes[0]: ")
    assert "myrtle?" in line


def test_variables_for_other_commands_are_no_mistake(call: Call, sweep: WriteSweep) -> None:
    assert call(sweep(), BENCH_INSTANCE="aws:p3.2xlarge", BENCH_SPOT="1").exit_code == 0


def test_torch_is_not_imported(sweep: WriteSweep, tmp_path: Path) -> None:
    code = (
        "import sys; from bench.cli import cli\n"
        f"cli(['plan', {sweep()!r}, '--offline'], standalone_mode=False)\n"
        "sys.exit(f'imported {heavy}' if (heavy := {'torch', 'scipy', 'sky'} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_old_prices_are_marked_but_not_in_markdown(
    sweep: WriteSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    monkeypatch.chdir(tmp_path)
    planned = plan_sweep(Sweep.model_validate(SWEEP), History(), lambda query: ask_all(query, offline=True))
    later = date(2027, 6, 1)
    assert ", stale (1)" in render(planned, "table", later, terminal=False)
    assert "stale" not in render(planned, "markdown", later, terminal=False)
    assert all(cell["price_stale"] for cell in json.loads(render(planned, "json", later, terminal=False))["cells"])
    assert render(planned, "markdown", datetime.now(UTC).date(), terminal=False) == render(
        planned, "markdown", later, terminal=False
    )


def test_the_schema_of_a_sweep_file_is_printed(bench: Bench) -> None:
    printed = without_doubles(json.loads(bench("schema", "sweep").stdout))
    assert printed == without_doubles(json.loads((ROOT / "docs" / "schema" / "sweep.json").read_text()))
    printed = without_doubles(json.loads(bench("schema").stdout))
    assert printed == without_doubles(json.loads((ROOT / "docs" / "schema" / "record.json").read_text()))


def test_a_task_of_ones_own_is_priced_and_not_timed(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("run: python3 train.py\n")
    (tmp_path / "mine.yaml").write_text("name: mine\ntask: train.yaml\nruns: 2\nmachines: [H100:1]\nsteps: 300\n")
    done = bench("plan", "mine.yaml", "--offline", "--format", "json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["recipes"] == ["train"]
    assert [(cell["gpu"], cell["runs"]) for cell in content["cells"]] == [("H100", 2)]
    assert bench("plan", "mine.yaml", "--offline").returncode == 0


def test_a_task_that_was_sampled_is_timed_by_its_samples(bench: Bench, tmp_path: Path) -> None:
    """Half a second a step from 5 s on, of 1000 steps; waiting and set-up are assumed."""
    task = b"run: python3 train.py\n"
    (tmp_path / "train.yaml").write_bytes(task)
    (tmp_path / "mine.yaml").write_text("name: mine\ntask: train.yaml\nruns: 2\nmachines: [H100:1, L4:1]\nsteps: 300\n")
    program = PROGRAM.model_copy(update={"name": "train", "task_sha256": hashlib.sha256(task).hexdigest()})
    device = Device(kind="cuda", name="NVIDIA H100 80GB HBM3", convolution=None)
    run = make_program_run(program=program, device=device, ended="sampled", evaluations=())
    FolderStore(tmp_path / "store").put(run)
    done = bench("plan", "mine.yaml", "--offline", "--store", "store", "--format", "json")
    assert done.returncode == 0, done.stderr
    cells = {cell["cell"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert cells["h100"]["seconds"] == pytest.approx(120 + 300 + 2 * (5 + 0.5 * 300))
    assert (cells["h100"]["time_known_by"], cells["h100"]["whole_steps"]) == ("sampled, n = 1", 1000)
    assert cells["h100"]["whole_hours"] == pytest.approx((120 + 300 + 5 + 0.5 * 1000) / 3600)
    assert cells["h100"]["whole_dollars"] is not None
    assert (cells["l4"]["seconds"], cells["l4"]["whole_hours"]) == (None, None)
