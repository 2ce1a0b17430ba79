"""How long a cell takes: from records where there are any, else extrapolated or assumed, and which is said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.record.documents import AnyDocument, Device, LeaseOpened, Phase, PhaseName, RecipeRef, Run
from bench.store import FolderStore
from bench.sweep.planning.duration import (
    PROVISION,
    SETUP,
    START,
    CellTime,
    Duration,
    History,
    HitRate,
    RecipeTime,
    Sample,
    read_history,
    time_of_cell,
    time_of_run,
)
from tests.support.builders import ending, make_run

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def run(seconds: float = 15.0, gpu: str = "Tesla V100-SXM2-16GB", count: int = 1, **changes: Any) -> Run:
    """A run of myrtle of so many seconds on the airbench clock; the first of its process took 10 s more."""
    phases = (
        Phase(name="warmup", start=0, stop=10),
        Phase(name="train", start=10, stop=10 + seconds - 1),
        Phase(name="final_evaluate", start=10 + seconds - 1, stop=10 + seconds),
    )
    last = ending(changes.pop("accuracy", 0.95))[-1].model_copy(update={"at": 10 + seconds})
    device = Device(kind=changes.pop("kind", "cuda"), name=gpu, count=count, precision="float16", path="graphs")
    return make_run(phases=phases, evaluations=(last,), device=device, **changes)


def lease(provider: str, *phases: tuple[PhaseName, float, float]) -> LeaseOpened:
    return LeaseOpened(
        provider=provider, started=NOW, phases=tuple(Phase(name=name, start=a, stop=b) for name, a, b in phases)
    )


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.check_writable()
    return store


def history(store: FolderStore, *documents: AnyDocument, recipes: tuple[str, ...] = ("myrtle",)) -> History:
    for document in documents:
        store.put(document)
    found, errors = read_history([store], recipes)
    assert not errors
    return found


def test_a_recorded_time_goes_before_an_extrapolation(store: FolderStore) -> None:
    seen = history(store, *(run(seconds) for seconds in (14.0, 15.0, 19.0)))
    assert time_of_run("myrtle", "V100", 1, seen) == Duration(15.0, 19.0, "measured", 3)
    for recipe, gpu in (("myrtle", "A100"), ("bkj", "V100")):
        duration = time_of_run(recipe, gpu, 1, seen)
        assert duration is not None
        assert duration.basis == "extrapolated"


@pytest.mark.parametrize(
    ("asked", "ran", "counts"),
    [
        ("V100", "Tesla V100-SXM2-16GB", True),
        ("V100", "Tesla V100-SXM2-32GB", False),
        ("A100", "NVIDIA A100-SXM4-80GB", False),
        ("A100-80GB", "NVIDIA A100-SXM4-80GB", True),
        ("H100", "NVIDIA H100 80GB HBM3", True),
        ("H100-PCIe", "NVIDIA H100 80GB HBM3", False),
        ("H100", "NVIDIA H200", False),
        ("H100-SXM", "NVIDIA H100 80GB HBM3", True),
        ("H200-SXM", "NVIDIA H200", True),
        ("GH200", "NVIDIA GH200 480GB", True),
        ("RTX4090", "NVIDIA GeForce RTX 4090", True),
        ("RTX-PRO-6000", "NVIDIA RTX PRO 6000 Blackwell Server Edition", True),
        ("B300", "NVIDIA B300 SXM6 AC", True),
    ],
)
def test_only_runs_on_the_same_gpu_with_the_same_memory_count(
    store: FolderStore, asked: str, ran: str, counts: bool
) -> None:
    assert (history(store, run(gpu=ran)).run("myrtle", asked, 1) is not None) == counts


def test_runs_on_more_gpus_or_on_a_processor_or_without_an_end_do_not_count(store: FolderStore) -> None:
    broken = run(status="failed", reason="OOM")
    seen = history(store, run(count=8), run(kind="cpu", gpu="V100"), broken)
    assert seen.run("myrtle", "V100", 1) is None
    assert seen.run("myrtle", "V100", 8) == Sample(1, 15.0, 15.0)


def test_the_start_is_what_the_first_run_of_a_process_took_more(store: FolderStore) -> None:
    assert history(store, run(), run(cold=True)).start("myrtle", "V100", 1) == Sample(1, 10.0, 10.0)


def test_hits_are_counted_on_the_same_gpu_and_elsewhere_only_where_there_are_none(store: FolderStore) -> None:
    broken = run(status="failed", reason="OOM")
    seen = history(store, run(), run(accuracy=0.93), broken, run(gpu="NVIDIA A100-SXM4-40GB"))
    assert seen.hit_rate("myrtle", "V100", 1) == HitRate(1, 3, elsewhere=False)
    assert seen.hit_rate("myrtle", "T4", 1) == HitRate(2, 4, elsewhere=True)
    assert seen.hit_rate("bkj", "V100", 1) is None


def test_a_hit_of_another_target_says_nothing(store: FolderStore) -> None:
    """quick's own is 80 %."""
    assert (
        history(store, run(recipe=RecipeRef(name="quick", source_sha256="0" * 64)), recipes=("quick",)).hit_rate(
            "quick", "V100", 1
        )
        is None
    )


def test_another_version_of_a_recipe_says_nothing(store: FolderStore) -> None:
    other = RecipeRef(name="myrtle", version=2, source_sha256="0" * 64)
    seen = history(store, run(), run(recipe=other))
    assert seen.run("myrtle", "V100", 1) == Sample(1, 15.0, 15.0)
    assert seen.hit_rate("myrtle", "V100", 1) == HitRate(1, 1, elsewhere=False)


def test_provision_and_set_up_come_from_the_leases_of_the_same_provider(store: FolderStore) -> None:
    seen = history(
        store,
        lease("aws", ("provision", 0, 100), ("setup", 100, 150), ("pull", 150, 170), ("data", 170, 175)),
        lease("aws", ("provision", 0, 140)),
        lease("gcp", ("setup", 0, 600)),
        lease("own"),
    )
    assert seen.provision("AWS") == Sample(2, 120.0, 140.0)
    assert seen.setup("aws") == Sample(1, 75.0, 75.0)
    assert (seen.provision("gcp"), seen.setup("own")) == (None, None)


def test_a_record_that_two_stores_hold_counts_once_and_an_altered_one_is_named(
    store: FolderStore, tmp_path: Path
) -> None:
    other = FolderStore(tmp_path / "other")
    other.check_writable()
    document = run()
    store.put(document)
    other.put(document)
    key = other.put(run())
    path = tmp_path / "other" / key
    path.write_bytes(path.read_bytes().replace(b"myrtle", b"mortle"))
    seen, errors = read_history([store, other], ["myrtle"])
    assert len(seen.runs) == 1
    (error,) = errors
    assert path.name in str(error)
    assert "checksum" in str(error)


def test_a_cell_is_the_machine_its_set_up_and_each_recipe_s_start_and_runs() -> None:
    cell = time_of_cell(["myrtle", "hlb"], 5, "A100", 1, "aws", History(), idle_s=300)
    assert isinstance(cell, CellTime)
    each = [time_of_run(recipe, "A100", 1, History()) for recipe in ("myrtle", "hlb")]
    runs = [duration for duration in each if duration]
    assert len(runs) == 2
    # A warm-up run comes before the five.
    assert cell.expected == pytest.approx(
        PROVISION.expected + SETUP.expected + sum(START.expected + 6 * each.expected for each in runs)
    )
    assert cell.upper == pytest.approx(
        PROVISION.upper + SETUP.upper + sum(START.upper + 6 * each.upper for each in runs) + 300
    )
    assert cell.basis == "extrapolated"


def test_it_is_said_how_the_times_are_known(store: FolderStore) -> None:
    seen = history(store, run(), run())
    for recipes, basis in ((["myrtle"], "measured, n = 2"), (["myrtle", "hlb"], "1 of 2 measured")):
        cell = time_of_cell(recipes, 5, "V100", 1, "aws", seen)
        assert isinstance(cell, CellTime)
        assert cell.basis == basis


def test_without_a_data_sheet_or_a_record_the_time_is_unknown() -> None:
    unknown = time_of_cell(["myrtle"], 5, "K80", 1, "aws", History())
    assert isinstance(unknown, str)
    assert "myrtle on K80" in unknown


lengths = st.builds(
    lambda expected, more: Duration(expected, expected + more, "measured", 1), st.floats(0, 1e5), st.floats(0, 1e5)
)


@given(st.lists(st.tuples(lengths, lengths), min_size=1, max_size=4), lengths, lengths, st.integers(1, 100))
def test_the_bound_is_never_below_what_is_expected_and_more_runs_never_take_less(
    each: list[tuple[Duration, Duration]], provision: Duration, setup: Duration, runs: int
) -> None:
    recipes = tuple(RecipeTime("myrtle", start, run) for start, run in each)
    cell, more = (CellTime(provision, setup, recipes, n, idle_s=10) for n in (runs, runs + 1))
    assert cell.expected <= cell.upper
    assert cell.expected <= more.expected
    assert cell.upper <= more.upper
