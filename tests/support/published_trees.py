"""Small results as others publish them: an MLPerf tree of logs, and a file of trials."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.types import Bench

START_MS = 1_760_000_000_000  # 2025-10-09
SYSTEM = {
    "submitter": "Acme",
    "division": "closed",
    "status": "Available cloud",
    "framework": "PyTorch",
    "number_of_nodes": "1",
    "accelerators_per_node": "8",
    "accelerator_model_name": "GPU-X",
}


def mllog(at_s: float, key: str, value: Any = None, **metadata: Any) -> str:
    """A line of a log, `at_s` seconds after the first, behind the rank that launchers put before it."""
    entry = {"time_ms": START_MS + round(1000 * at_s), "key": key, "value": value, "metadata": metadata}
    return f"0: :::MLLOG {json.dumps(entry)}"


def result(
    seconds: float | None, *values: float, status: str = "success", benchmark: str = "llama2_70b_lora"
) -> list[str]:
    """The lines of a log: 40 s of initialisation, then a run of so many seconds whose evaluations take 2 s each.

    None: it broke off before run_stop.
    """
    lines = [
        "srun: a launcher's words",
        mllog(0, "init_start"),
        mllog(0, "submission_benchmark", benchmark),
        mllog(0, "seed", 3498),
        mllog(40, "init_stop"),
        mllog(40, "run_start"),
    ]
    for number, value in enumerate(values, start=1):
        end = 40 + 10.0 * number
        lines += [mllog(end - 2, "eval_start"), mllog(end, "eval_accuracy", value), mllog(end, "eval_stop")]
    if seconds is not None:
        lines.append(mllog(40 + seconds, "run_stop", status=status))
    return [*lines, mllog(9999, "eval_accuracy", 0.1)]  # of something that came later


def mlperf_tree(
    root: Path,
    results: Iterable[list[str]],
    benchmark: str = "llama2_70b_lora",
    system: Mapping[str, Any] = SYSTEM,
) -> Path:
    """Write `results` under the submitter's folder `root`; return the folder that they lie in."""
    folder = root / "results" / "1xMachine" / benchmark
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(results):
        (folder / f"result_{number}.txt").write_text("\n".join([f"srun: job {number}", *lines]) + "\n")
    (root / "systems").mkdir(exist_ok=True)
    (root / "systems" / "1xMachine.json").write_text(json.dumps(system))
    return folder


MAP = ("seconds=time_s", "value=graded", "machine=host", "seed=seed", "final_evaluate=eval_s")


def trial(seed: int, seconds: float | None, accuracy: float | None, host: str = "a") -> dict[str, Any]:
    """A line of a file of trials; its evaluation took 0.5 s."""
    return {"seed": seed, "time_s": seconds, "graded": accuracy, "host": host, "eval_s": 0.5, "gpu": "GPU-X"}


def trials_file(path: Path, trials: Iterable[Mapping[str, Any]]) -> Path:
    """Write `trials` to `path` as JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in trials))
    return path


def published_rows(bench: Bench, *more: str, store: str = "store") -> list[dict[str, Any]]:
    """The rows of published runs in the report of a store."""
    done = bench("report", "--store", store, "--format", "json", *more)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return [row for row in found if row["kind"] == "published" and row["dataset"] is None]
