"""The compact layer says what the records say, grows by what is new, and may be thrown away."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from analysis.frames.runs import COLUMNS, load, runs_frame
from bench.errors import StoreError
from bench.record.documents import Accelerators, LeaseOpened, Price, RecipeRef, Run, utc_now
from bench.store import FolderStore, compact as layer, read_all
from bench.store.compact import layer as layer_module
from tests.support.builders import make_run, runs

GPU_PRICE = Price(amount="3.67", currency="USD", unit="gpu-hour", source="a list", seen="2026-11-01")


def a_lease() -> LeaseOpened:
    return LeaseOpened(
        provider="azure",
        instance_type="NC24",
        accelerators=Accelerators(name="A100", count=2),
        price=GPU_PRICE,
        started=utc_now(),
    )


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Two recipes, one of them with a name that is no folder's; one run has a lease."""
    store = FolderStore(tmp_path / "store")
    lease = a_lease()
    store.put(lease)
    store.put(make_run(lease_id=lease.id))
    store.put(make_run(recipe=RecipeRef(name="../mine/été", source_sha256="1" * 64), cold=True))
    store.put(make_run(status="failed", reason="OOM", evaluations=()))
    return store


def frames_agree(store: FolderStore) -> None:
    """The frame that is loaded is the frame of the documents."""
    documents, errors = read_all(store)
    loaded, refused = load([store])
    assert len(errors) == len(refused)
    expected = runs_frame(documents)
    assert list(loaded) == list(expected)
    pd.testing.assert_frame_equal(loaded, expected, check_dtype=False, check_categorical=False)


def test_the_frame_is_the_same_with_and_without_the_compact_layer_and_half_way(store: FolderStore) -> None:
    frames_agree(store)
    assert layer.compact(store).added == 3
    frames_agree(store)
    store.put(make_run())
    frames_agree(store)
    assert len(load([store])[0]) == 4


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(runs(), max_size=3))
def test_any_runs_come_back_from_parquet_as_they_are(tmp_path: Path, some: list[Run]) -> None:
    shutil.rmtree(tmp_path / "any", ignore_errors=True)
    store = FolderStore(tmp_path / "any")
    store.check_writable()
    for run in some:
        store.put(run)
    layer.compact(store)
    frames_agree(store)
    assert list(layer.verify(store)) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 200, " " * 101, "/" * 84 + "x"])
def test_a_recipe_whose_name_is_too_long_for_a_folder_has_a_short_one(store: FolderStore, name: str) -> None:
    for longer in (name, name + "x"):
        store.put(make_run(recipe=RecipeRef(name=longer, source_sha256="1" * 64)))
    assert layer.compact(store).added == 5
    frames_agree(store)
    folders = [path.name for path in (store.root / layer.FOLDER).iterdir()]
    assert len(folders) == 4
    assert max(len(folder.encode()) for folder in folders) <= 143  # of an encrypted file system


def test_a_second_compaction_adds_only_what_is_new(store: FolderStore) -> None:
    layer.compact(store)
    assert layer.compact(store).added == 0
    store.put(make_run())
    assert layer.compact(store).added == 1
    assert len(layer.read_compact(store)) == 4


def test_it_is_hive_partitioned_by_recipe_and_month(store: FolderStore) -> None:
    layer.compact(store)
    folders = {path.parent.relative_to(store.root).as_posix() for path in store.root.rglob("*.parquet")}
    assert folders == {
        "v1/compact/3/runs/recipe=myrtle/month=2026-11",
        "v1/compact/3/runs/recipe=..%2Fmine%2F%C3%A9t%C3%A9/month=2026-11",
    }


@pytest.mark.parametrize("older", ["v1/compact/runs", "v1/compact/2"])
def test_a_layer_of_an_earlier_version_is_not_read_and_named(store: FolderStore, older: str) -> None:
    """Its dawnbench_s or its mlperf_s means something else."""
    layer.compact(store)
    (store.root / "v1/compact/3" / ("runs" if older.endswith("runs") else "")).rename(store.root / older)
    for part in (store.root / older).rglob("*.parquet"):
        part.write_bytes(b"of another meaning")
    frames_agree(store)
    done = layer.compact(store)
    assert (done.added, done.older) == (3, f"{store.name}/{older}")
    frames_agree(store)
    assert list(layer.verify(store)) == []


def test_it_may_be_deleted_and_made_again(store: FolderStore) -> None:
    layer.compact(store)
    before = load([store])[0]
    shutil.rmtree(store.root / "v1" / "compact")
    assert layer.compact(store).added == 3
    pd.testing.assert_frame_equal(load([store])[0], before, check_categorical=False)


def test_where_the_layer_holds_every_run_no_lease_is_read(store: FolderStore) -> None:
    layer.compact(store)
    before = load([store])[0]
    for opened in store.root.glob("v1/leases/*/opened.json"):
        opened.write_bytes(b"altered")
    after, errors = load([store])
    assert errors == []
    pd.testing.assert_frame_equal(after, before, check_categorical=False)
    store.put(make_run())
    assert len(load([store])[1]) == 1


def test_columns_are_left_out_for_those_who_do_not_need_them(store: FolderStore) -> None:
    layer.compact(store)
    store.put(make_run())
    every, _ = load([store])
    some, _ = load([store], without=["loss", "images", "cold_attempt_s"])
    pd.testing.assert_frame_equal(
        some,
        every.drop(columns=["loss", "images", "cold_attempt_s", "images_per_second"]),
        check_dtype=False,
        check_categorical=False,
    )


@pytest.mark.parametrize("statistics", [True, False])
def test_columns_without_a_value_in_any_part_are_as_if_they_were_read(store: FolderStore, statistics: bool) -> None:
    """Statistics of the parts tell which those are; other programs may write none."""
    for changes in ({"loss": 1.5}, {"status": "interrupted", "reason": "USER"}):
        store.put(make_run(**changes))
        layer.compact(store)
    parts = sorted((store.root / layer.FOLDER).rglob("*.parquet"))
    assert len(parts) == 3
    for part in parts:
        pq.write_table(pq.ParquetFile(part).read(), part, write_statistics=statistics)
    whole = pa.concat_tables([pq.ParquetFile(part).read() for part in parts])
    table = layer.read_compact(store)
    assert table.schema == layer_module.READ_SCHEMA
    assert table.cast(layer.SCHEMA).sort_by("run_id").equals(whole.sort_by("run_id"))
    empty = {name for name in table.column_names if table[name].null_count == 5}
    assert {"energy_joules", "git_commit", "host_id"} < empty
    assert not empty & {"loss", "reason", "lease_id"}


def test_text_that_runs_share_is_read_once(store: FolderStore) -> None:
    layer.compact(store)
    store.put(make_run())
    frame, _ = load([store])
    text = {name: str(frame[name].dtype) for name, column in COLUMNS.items() if column.type is str}
    assert {name for name, dtype in text.items() if dtype != "category"} == {"run_id"}


def test_other_files_beside_compacted_records_are_passed_over(store: FolderStore) -> None:
    layer.compact(store)
    for name in (".hidden.json", "notes.txt"):
        (store.root / "v1" / "runs" / name).write_text("")
    frames_agree(store)


@pytest.mark.parametrize("folder", ["", "\udcff/", "é/"])
def test_a_name_that_is_not_utf_8_beside_compacted_records_is_named(store: FolderStore, folder: str) -> None:
    layer.compact(store)
    strange = store.root / "v1" / "runs" / "2026" / f"{folder}caf\udce9.json"
    strange.parent.mkdir(parents=True, exist_ok=True)
    strange.write_text("{}")
    frame, (error,) = load([store])
    assert len(frame) == 3
    assert str(strange.relative_to(store.root)) in str(error)
    assert len(layer.compact(store).errors) == 1


def test_compacted_records_behind_a_link_count_and_a_circle_has_an_end(store: FolderStore, tmp_path: Path) -> None:
    layer.compact(store)
    elsewhere, run = FolderStore(tmp_path / "elsewhere"), make_run(id="019b9b00-0000-7000-8000-000000000001")
    elsewhere.put(run)
    month = Path(run.key()).parents[1]
    (store.root / month).parent.mkdir(parents=True, exist_ok=True)
    (store.root / month).symlink_to(elsewhere.root / month)
    (elsewhere.root / month / "circle").symlink_to(store.root / "v1" / "runs")
    assert len(load([store])[0]) == 4
    frames_agree(store)


def test_a_layer_without_its_records_is_read_and_a_folder_that_cannot_be_listed_is_named(store: FolderStore) -> None:
    layer.compact(store)
    shutil.rmtree(store.root / "v1" / "runs")
    assert len(load([store])[0]) == 3
    (store.root / "v1" / "runs").write_text("in the way")
    with pytest.raises(StoreError, match="store"):
        load([store])


def test_a_store_without_a_compact_layer_makes_the_same_frame(store: FolderStore) -> None:
    class Elsewhere:
        """A store that is no folder, as far as anybody can see."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

    pd.testing.assert_frame_equal(load([Elsewhere()])[0], load([store])[0], check_dtype=False, check_categorical=False)


def test_a_price_per_gpu_becomes_one_of_the_machine(store: FolderStore) -> None:
    layer.compact(store)
    frame, _ = load([store])
    assert [None if pd.isna(hourly) else str(hourly) for hourly in frame["hourly"]] == ["7.34", None, None]


def test_a_run_waits_for_its_lease(store: FolderStore) -> None:
    lease = a_lease()
    store.put(make_run(lease_id=lease.id))
    done = layer.compact(store)
    assert (done.added, done.waiting) == (3, 1)
    store.put(lease)
    done = layer.compact(store)
    assert (done.added, done.waiting) == (1, 0)


def test_a_record_that_cannot_be_trusted_is_named_and_left_out(store: FolderStore) -> None:
    key = store.put(make_run())
    (store.root / key).write_bytes((store.root / key).read_bytes().replace(b'"seed":7', b'"seed":8'))
    done = layer.compact(store)
    assert done.added == 3
    assert [key in str(error) for error in done.errors] == [True]


def test_verify_names_a_record_that_changed_or_went_away(store: FolderStore) -> None:
    first, second = (store.put(make_run()) for _ in range(2))
    layer.compact(store)
    assert list(layer.verify(store)) == []
    (store.root / first).write_bytes((store.root / first).read_bytes() + b" ")
    (store.root / second).unlink()
    said = list(layer.verify(store))
    assert len(said) == 2
    assert first in said[0]
    assert "another version" in said[0]
    assert second in said[1]
    # Of a record that went away, the layer holds all that is left.
    assert all(line.index("restore") < line.index("delete v1/compact") for line in said)


def test_stores_are_joined_and_a_run_in_two_of_them_counts_once(store: FolderStore, tmp_path: Path) -> None:
    other = FolderStore(tmp_path / "other")
    run = make_run()
    other.put(run)
    store.put(run)
    assert len(load([store, other])[0]) == 4


@pytest.mark.slow
def test_many_processes_read_what_one_reads(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(layer_module, "_BATCH", 2)
    frames_agree(store)
