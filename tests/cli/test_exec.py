"""`bench exec` on real programs: the records, the lease, what is said, and the exit code of each mistake."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened, MetricTarget, Run
from bench.store import open_store, read_all
from tests.support import s3_stub
from tests.support.ports import free_port
from tests.support.types import Bench

TRAIN = """
import json, os, sys, time
end = int(sys.argv[1]) if len(sys.argv) > 1 else 5
for step in range(1, end + 1):
    print(json.dumps({"step": step, "total_steps": end, "val_loss": 4 / step}), flush=True)
print("seed", os.environ["BENCH_SEED"])
"""


# As Keras' CSVLogger: the file of the run before is written anew.
CSV_LOG = """
import time
with open("log.csv", "w") as log:
    print("epoch,accuracy", file=log, flush=True)
    for epoch in (1, 2, 3):
        time.sleep(0.1)
        print(epoch, 0.5 + epoch / 10, sep=",", file=log, flush=True)
"""


@pytest.fixture(autouse=True)
def train(tmp_path: Path) -> Path:
    """A program in the folder that bench is called in."""
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return path


def documents(folder: Path) -> list[AnyDocument]:
    found, errors = read_all(open_store(str(folder / "store")))
    assert not errors
    return found


def runs_in(folder: Path) -> list[Run]:
    return [document for document in documents(folder) if isinstance(document, Run)]


def test_a_program_run_to_its_end(bench_process: Bench, tmp_path: Path) -> None:
    done = bench_process("exec", "--store", "store", "--", sys.executable, "train.py", "3")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == "".join(json.dumps({"step": step, "total_steps": 3, "val_loss": 4 / step}) + "\n" for step in (1, 2, 3))
        + "seed 0\n"
    )
    (run,) = runs_in(tmp_path)
    assert (run.label, run.status, run.ended, run.hit, run.cold, run.cleanup) == (
        "train",
        "completed",
        "exited",
        True,
        True,
        "clean",
    )
    assert (run.target, run.steps, run.images) == (None, 3, None)
    assert run.evaluations[-1].metrics == {"val_loss": 4 / 3}
    assert run.key() in done.stderr
    (opened,) = (each for each in documents(tmp_path) if isinstance(each, LeaseOpened))
    (closed,) = (each for each in documents(tmp_path) if isinstance(each, LeaseClosed))
    assert run.lease_id == opened.id == closed.id
    assert closed.reason == "finished"


def test_several_runs_with_a_target_and_a_seed_each(bench: Bench, tmp_path: Path) -> None:
    words = ["--target", "val_loss <= 1", "--runs", "3", "--seed", "7", "--name", "tiny", "--price-per-hour", "3.60"]
    done = bench("exec", *words, "--store", "store", sys.executable, "train.py", "4{seed}")
    assert done.returncode == 0, done.stderr
    runs = runs_in(tmp_path)
    assert [(run.label, run.seed, run.hit, run.series.planned, run.steps) for run in runs] == [
        ("tiny", 7, True, 3, 47),
        ("tiny", 8, True, 3, 48),
        ("tiny", 9, True, 3, 49),
    ]
    assert runs[0].target == MetricTarget(metric="val_loss", at_least=None, at_most=1)
    assert runs[0].program == runs[1].program
    assert "USD" in done.stderr
    report = bench("report", "--store", "store", "--format", "json", "--published", "none")
    (row,) = json.loads(report.stdout)["rows"]
    assert (row["recipe"], row["runs"], row["hits"], row["clock"], row["metric"], row["direction"], row["target"]) == (
        "tiny",
        3,
        3,
        "cold",
        "val_loss",
        "at most",
        1,
    )
    assert row["train_cost"] == pytest.approx(row["time_s"] / 1000)  # 3.60 an hour is 1/1000 a second


def test_a_sample(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN.replace("print(json", "time.sleep(0.001); print(json"))
    done = bench("exec", "--steps", "20", "--store", "store", "--", sys.executable, "train.py", "1000000")
    assert done.returncode == 0, done.stderr
    (run,) = runs_in(tmp_path)
    assert run.progress is not None
    assert (run.ended, run.status, run.hit, run.progress.total_steps) == ("sampled", "completed", False, 1_000_000)
    assert 20 <= run.progress.last_step < 1000
    report = bench("report", "--store", "store", "--format", "json", "--published", "none")
    assert json.loads(report.stdout)["rows"] == []


def test_echoed_records_and_the_cost_of_the_lease(bench_process: Bench) -> None:
    words = ["--echo", "--show-cost", "--price-per-hour", "3.60", "--store", "store"]
    done = bench_process("exec", *words, "--", sys.executable, "train.py")
    assert done.stdout.count("bench-record: ") == 3
    assert "process" in done.stderr.split("phase", 1)[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Missing argument '-- COMMAND…'"),
        (["--", "no-such-program"], 2, "no-such-program: no such program"),
        (["--target", "val_loss", "--", "true"], 2, "'val_loss' is not METRIC >= VALUE"),
        (["--target", "val_loss = 3", "--", "true"], 2, "is not METRIC >= VALUE"),
        (["--target", "val_loss <= x", "--", "true"], 2, "'x' is not a number"),
        (["--metric", "loss=is .*", "--", "true"], 2, "has no group"),
        (["--metric", "loss=(", "--", "true"], 2, "not a regular expression"),
        (["--metric", "loss", "--", "true"], 2, "is not NAME=REGEX"),
        (["--timeout", "soon", "--", "true"], 2, "soon"),
        (["--stop-at-target", "--", "true"], 2, "--stop-at-target needs --target"),
        (
            ["--target", "acc >= 1", "--", sys.executable, "train.py"],
            6,
            "failed (ERROR): acc never appeared; metrics shown: val_loss",
        ),
        (["--", sys.executable, "-c", "raise SystemExit(3)"], 6, "failed (ERROR): exited with 3"),
        (["--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], 6, "failed (ERROR): killed by SIGKILL"),
        (
            ["--timeout", "1s", "--", sys.executable, "-c", "import time; time.sleep(600)"],
            6,
            "failed (TIMEOUT): not finished after 1 s",
        ),
        (
            ["--total-steps", "20000", "--", sys.executable, "train.py"],
            2,
            "--total-steps 20000, but the program shows 5",
        ),
    ],
)
def test_each_mistake_has_one_line_and_its_code(words: list[str], code: int, said: str, bench: Bench) -> None:
    done = bench("exec", "--store", "store", *words)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if said in line]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["--", "no-such-program"], ["--target", "val_loss", "--", "true"], ["--metric", "loss=.*", "--", "true"]]
)
def test_a_mistake_seen_beforehand_leaves_no_record(words: list[str], bench: Bench, tmp_path: Path) -> None:
    bench("exec", "--store", "store", *words)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_series_and_leaves_the_record(
    number: signal.Signals, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "train.py").write_text("import time; print('up', flush=True); time.sleep(600)")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "exec", "--runs", "3", "--store", "store", "--", sys.executable, "train.py"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    os.kill(process.pid, number)
    process.communicate(timeout=300)
    assert process.returncode == 130
    (run,) = runs_in(tmp_path)
    assert (run.status, run.reason, run.message) == ("interrupted", "USER", f"stopped by {number.name}")
    (closed,) = (each for each in documents(tmp_path) if isinstance(each, LeaseClosed))
    assert closed.reason == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("edge", ["opened.json", "/runs/"])
def test_a_signal_while_a_record_is_put_is_an_interruption_too(
    edge: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    with s3_stub.running() as stub:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", "exec", "--runs", "3", "--store", "s3://b/p", "--", "true"],
            cwd=tmp_path,
            env={**environment, **stub.settings, "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE,
            text=True,
        )

        def signalled(key: str, data: bytes, headers: dict[str, str]) -> None:
            if edge in key:
                os.kill(process.pid, signal.SIGINT)

        stub.on_put = signalled
        _, err = process.communicate(timeout=300)
        made = [key for key in stub.objects if "/runs/" in key]
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"bench: stopped by SIGINT: {3 - len(made)} runs not executed"
    assert len(made) == (edge == "/runs/")


def test_no_secret_is_in_any_record(bench: Bench, tmp_path: Path) -> None:
    script = "import os, sys; print('loss=1', os.environ['API_TOKEN'], sys.argv); sys.exit(os.environ['API_TOKEN'])"
    words = ["--store", "store", "--echo", "--", sys.executable, "-c", script]
    bench("exec", *words, "--password", "swordfish", "hunter2hunter2", API_TOKEN="hunter2hunter2")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*.json"))
    assert b'"argv"' in stored
    assert b"hunter2" not in stored
    assert b"swordfish" not in stored


def test_what_a_sample_says_of_the_rest(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN.replace("print(json", "time.sleep(0.002); print(json"))
    words = ["--steps", "200", "--price-per-hour", "3.60", "--store", "store", "--name", "tiny"]
    done = bench("exec", *words, "--", sys.executable, "train.py", "10000")
    assert done.returncode == 0, done.stderr
    estimated = bench("estimate", "tiny", "--store", "store")
    assert estimated.returncode == 0, estimated.stderr
    assert "of 10000" in estimated.stdout
    assert "of 20000" in bench("estimate", "tiny", "--total-steps", "20000", "--store", "store").stdout
    report = json.loads(bench("report", "--store", "store", "--format", "json").stdout)
    (row,) = report["samples"]["rows"]
    assert (row["program"], row["total_steps"], row["samples"]) == ("tiny", 10_000, 1)
    assert row["hours"] * 3600 == pytest.approx(row["start_up_s"] + 10_000 * row["step_s"])
    assert "Samples" in bench("report", "--store", "store").stdout


def test_a_sample_of_one_step_tells_no_rate(bench: Bench, tmp_path: Path) -> None:
    script = "print('step 100/1000', flush=True)"
    words = ["--steps", "50", "--total-steps", "1000", "--store", "store", "--name", "short"]
    assert bench("exec", *words, "--", sys.executable, "-c", script).returncode == 0
    done = bench("estimate", "short", "--store", "store")
    assert done.returncode == 2
    assert "short" in done.stderr


def test_each_run_reads_the_files_that_it_wrote_itself(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(CSV_LOG)
    words = ["--runs", "3", "--target", "accuracy >= 0.8", "--store", "store"]
    assert bench("exec", *words, "--", sys.executable, "train.py").returncode == 0
    assert [(run.hit, [each.step for each in run.evaluations]) for run in runs_in(tmp_path)] == [(True, [1, 2, 3])] * 3


def test_a_name_of_nothing_is_no_recipe(bench: Bench) -> None:
    done = bench("estimate", "no-such-thing")
    assert done.returncode == 2
    assert "no-such-thing" in done.stderr


def test_of_two_nodes_the_first_is_measured_at_the_price_of_both(
    bench: Bench, tmp_path: Path, environment: dict[str, str]
) -> None:
    """As SkyPilot calls it on each; here both are this machine."""
    both = {"SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_IPS": "127.0.0.1 127.0.0.1", "BENCH_NODES_PORT": str(free_port())}
    words = ["exec", "--price-per-hour", "3.60", "--runs", "2", "--store", "store", "--", sys.executable, "train.py"]
    second = subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=tmp_path,
        env={**environment, **both, "SKYPILOT_NODE_RANK": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    first = bench(*words, **both, SKYPILOT_NODE_RANK="0")
    out, _ = second.communicate(timeout=300)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert [line for line in out.splitlines() if line.startswith("seed")] == ["seed 0", "seed 1"]
    runs = runs_in(tmp_path)
    assert [run.seed for run in runs] == [0, 1]
    (opened,) = (each for each in documents(tmp_path) if isinstance(each, LeaseOpened))
    assert opened.price is not None
    assert (str(opened.price.amount), opened.tags["bench-nodes"]) == ("7.20", "2")
