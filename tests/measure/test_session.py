"""Storing is off every clock, and a store that fails after the first run began loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import StoppedError, StoreError
from bench.measure.progress import Progress
from bench.measure.recording import LeasePart
from bench.measure.session import Request, measure
from bench.record.documents import (
    AnyDocument,
    LeaseClosed,
    LeaseOpened,
    RecipeRef,
    Run,
    Series,
    new_id,
    policy_seconds,
    to_bytes,
    utc_now,
)
from bench.store import FolderStore, read_all
from bench.store.base import RawRecord
from bench.store.log import read_log
from bench.store.spool import SpooledWriter, spools
from bench.training import data as cifar10
from tests.support.scripted import NO_IMAGES, Scripted

PUT_SECONDS = 0.5


class Slow(FolderStore):
    """A store that takes its time."""

    def put(self, document: AnyDocument) -> str:
        time.sleep(PUT_SECONDS)
        return super().put(document)


class Failing(FolderStore):
    """A store that takes what is told here, and no more."""

    takes: Callable[[AnyDocument], bool] = staticmethod(lambda document: not isinstance(document, Run))

    def put(self, document: AnyDocument) -> str:
        if not self.takes(document):
            raise StoreError("store there: cannot be reached")
        return super().put(document)


@pytest.fixture(autouse=True)
def no_data_and_no_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr(cifar10, "find", lambda given: tmp_path)
    monkeypatch.setattr(cifar10, "load", lambda folder: NO_IMAGES)


def session(
    store: FolderStore,
    runs: int = 2,
    series: str | None = None,
    *,
    echo: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[Run, str]]:
    opened = LeaseOpened(provider="own", started=utc_now())
    request = Request(
        recipes=[Scripted("instant", "", 0.94)],
        runs=runs,
        first_seed=0,
        data=None,
        held_out=False,
        device="cpu",
        gpus=1,
        target=None,
        lease=LeasePart(lease_id=opened.id, opened=opened, closes=True, preempted=lambda: False),
        series=series,
        echo=echo,
    )
    return measure(request, store, progress or Progress(quiet=True))


@pytest.mark.slow
def test_no_clock_counts_the_storing_of_a_run(tmp_path: Path) -> None:
    runs = [run for run, _ in session(Slow(tmp_path / "there"), runs=3)]
    assert all((policy_seconds(run, "mlperf") or 1) < PUT_SECONDS / 2 for run in runs)
    for before, run in pairwise(runs):
        ended = before.anchor.timestamp() + before.phases[-1].stop
        assert run.anchor.timestamp() - ended > PUT_SECONDS  # the next run began when the last one was stored


def test_catching_up_is_off_the_clock_of_a_cold_run(tmp_path: Path, make_run: Callable[..., Run]) -> None:
    earlier = [make_run() for _ in range(16)]
    waiting = SpooledWriter(Failing(tmp_path / "there"))
    for run in earlier:
        waiting.put(run)
    assert len(spools()[0].waiting()) == 16

    cold, second = (run for run, _ in session(Slow(tmp_path / "there")))
    assert cold.cold
    assert second.anchor > cold.anchor
    stored = [document for document in read_all(FolderStore(tmp_path / "there"))[0] if isinstance(document, Run)]
    assert {run.id for run in stored} == {run.id for run in [*earlier, cold, second]}
    assert spools() == []


def test_a_store_that_fails_stops_no_run_and_is_an_error_in_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = session(Failing(tmp_path / "there"))
    assert [next(runs)[0].status for _ in range(2)] == ["completed", "completed"]
    with pytest.raises(StoreError, match=r"^2 records .*`bench store drain`"):
        next(runs)
    (spool,) = spools()
    assert str(spool.waiting()[0].parent) in capsys.readouterr().err
    assert len(spool.waiting()) == 2


def test_the_runs_that_a_signal_keeps_a_series_from_are_counted(tmp_path: Path) -> None:
    class Signalled(FolderStore):
        def put(self, document: AnyDocument) -> str:
            if isinstance(document, Run):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().put(document)

    runs = session(Signalled(tmp_path / "there"), runs=3)
    assert next(runs)[0].status == "completed"
    with pytest.raises(StoppedError, match=r"^stopped by SIGTERM: 2 runs not executed$"):
        next(runs)


def test_each_record_is_a_line_of_the_log_before_its_store_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds: list[type[AnyDocument]] = []
    in_log: list[bytes] = []

    class Asked(FolderStore):
        def put(self, document: AnyDocument) -> str:
            in_log.extend(
                each.raw for each in read_log([capsys.readouterr().out.encode()]) if isinstance(each, RawRecord)
            )
            assert in_log[-1] == to_bytes(document)
            kinds.append(type(document))
            return super().put(document)

    assert len(list(session(Asked(tmp_path / "there"), echo=True))) == 2
    assert kinds == [LeaseOpened, Run, Run, LeaseClosed]
    list(session(FolderStore(tmp_path / "elsewhere")))
    assert "bench-record" not in capsys.readouterr().out


@pytest.mark.parametrize(("value", "lines"), [("1", 3), ("0", 0), (None, 0)])
def test_bench_echo_asks_for_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, lines: int
) -> None:
    monkeypatch.setattr("bench.cli.run.find", lambda name: Scripted(name, "", 0.94))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["run", "instant", "--device", "cpu", "-q"], env={"BENCH_ECHO": value})
    assert result.exit_code == 0, result.output
    assert len(list(read_log([result.stdout.encode()]))) == lines
    (key,) = FolderStore(tmp_path / "results" / "local").keys("v1/runs/")
    assert key in result.stdout.splitlines()


def test_show_cost_ends_with_the_phases_of_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cli.run.find", lambda name: Scripted(name, "", 0.94))
    monkeypatch.chdir(tmp_path)
    words = ["run", "instant", "--device", "cpu", "-q", "--price-per-hour", "3.60"]
    done = CliRunner().invoke(cli, words, env={"BENCH_SHOW_COST": "1"})
    assert done.exit_code == 0, done.output
    assert {"phase", "other", "all:"} <= {line.split()[0] for line in done.stderr.splitlines() if line.strip()}
    assert "phase" not in CliRunner().invoke(cli, words).stderr


def test_a_store_that_cannot_be_written_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file")
    with pytest.raises(StoreError, match=str(tmp_path / "there")):
        next(session(FolderStore(tmp_path / "there")))
    assert spools() == []


def test_a_series_that_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    store, series = FolderStore(tmp_path / "there"), new_id()
    (whole,) = (run for run, _ in session(store, runs=1, series=series))
    broken = whole.model_copy(
        update={
            "id": new_id(),
            "seed": 1,
            "status": "interrupted",
            "reason": "PREEMPTED",
            "series": Series(id=series, index=1, planned=3),
        }
    )
    store.put(broken)
    other_program = broken.model_copy(
        update={
            "id": new_id(),
            "seed": 2,
            "status": "failed",
            "reason": "OOM",
            "recipe": RecipeRef(name="instant", source_sha256="1" * 64),
        }
    )
    store.put(other_program)
    store.put(whole.model_copy(update={"id": new_id(), "seed": 2, "series": Series(id=new_id(), index=2, planned=3)}))

    resumed = [run for run, _ in session(store, runs=3, series=series)]
    assert [(run.seed, run.series.index, run.series.planned) for run in resumed] == [(1, 1, 3), (2, 2, 3)]
    assert {run.series.id for run in resumed} == {series}
    assert list(session(store, runs=3, series=series)) == []


@pytest.mark.parametrize(("made", "said"), [(0, "0 of 3 runs"), (2, "2 of 3 runs")])
def test_a_series_that_is_resumed_says_how_many_of_its_runs_there_are(
    made: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, series = FolderStore(tmp_path), new_id()
    list(session(store, runs=made, series=series))
    capsys.readouterr()
    list(session(store, runs=3, series=series, progress=Progress()))
    assert [line for line in capsys.readouterr().err.splitlines() if "--resume" in line] == [
        f"bench: --resume: {said} already in the store"
    ]


def test_a_run_that_failed_is_an_outcome_and_not_made_again(tmp_path: Path) -> None:
    store, series = FolderStore(tmp_path / "there"), new_id()
    (run,) = (run for run, _ in session(store, runs=1, series=series))
    store.put(run.model_copy(update={"id": new_id(), "seed": 1, "status": "failed", "reason": "OOM"}))
    assert list(session(store, runs=2, series=series)) == []


def test_a_call_is_read_without_torch_so_that_its_lack_can_be_said() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import bench.cli.run, bench.measure.session, bench.measure.progress"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
