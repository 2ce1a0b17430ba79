"""Records from elsewhere, put into a store: each is checked and counted once, whatever way it comes and how often."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.errors import ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument, Run, to_bytes
from bench.store import FolderStore
from bench.store.base import Collector, DamagedLine, RawRecord, collect, counting_collector
from tests.support.builders import make_run

RUNS = [make_run(seed=seed) for seed in range(3)]


def raw(runs: Iterable[Run]) -> list[RawRecord]:
    return [RawRecord(run.key(), to_bytes(run)) for run in runs]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_what_comes_twice_is_one_record_and_what_was_there_is_known(store: FolderStore) -> None:
    store.put(RUNS[0])
    collector = counting_collector(store)
    collector.add(raw([*RUNS, RUNS[1]]), "a log")
    collector.add(raw(RUNS), "a folder")
    result = collector.result()
    assert (result.new, result.known, result.damaged, result.errors) == (2, 1, 0, ())
    assert sorted(store.keys()) == sorted(run.key() for run in RUNS)


def test_what_was_put_is_not_put_again(store: FolderStore) -> None:
    puts: list[str] = []

    class Counting(FolderStore):
        def put(self, document: AnyDocument) -> str:
            puts.append(document.id)
            return super().put(document)

    collector = Collector(Counting(store.locator))
    for _ in range(3):
        collector.add(raw(RUNS), "a log that is read again and again")
    assert puts == [run.id for run in RUNS]


@pytest.mark.parametrize("there", [True, False])
def test_another_content_under_one_id_is_named_and_never_overwrites(store: FolderStore, there: bool) -> None:
    other = RUNS[0].model_copy(update={"seed": 99})
    records = raw([other]) if there else raw([RUNS[0], other])
    if there:
        store.put(RUNS[0])
    result = collect(records, "x.log", store)
    (error,) = result.errors
    assert isinstance(error, ConflictError)
    assert RUNS[0].key() in str(error)
    assert "x.log" in str(error)
    assert store.read(RUNS[0].key()) == RUNS[0]


def test_nothing_but_records_is_taken(store: FolderStore) -> None:
    """A record under another's name, one outside of the store, an altered one."""
    wrong = [
        RawRecord(make_run().key(), to_bytes(RUNS[0])),
        RawRecord("v1/../../escaped.json", to_bytes(RUNS[0])),
        RawRecord(RUNS[1].key(), to_bytes(RUNS[1]).replace(b'"seed":1', b'"seed":2')),
    ]
    result = collect([*wrong, *raw(RUNS[2:])], "x.log", store)
    assert (result.new, [type(error) for error in result.errors]) == (1, [RecordError] * 3)
    assert list(store.keys()) == [RUNS[2].key()]


@pytest.mark.parametrize("way", ["later in the log", "in the store", "nowhere"])
def test_a_damaged_line_counts_where_its_record_came_by_no_other_way(store: FolderStore, way: str) -> None:
    damaged = DamagedLine(7, RUNS[0].key(), "12 of 1824 characters")
    if way == "in the store":
        store.put(RUNS[0])
    result = collect([damaged, *raw(RUNS[way == "nowhere" :])], "x.log", store)
    assert result.damaged == (way == "nowhere")
    assert all("x.log: line 7" in str(error) and RUNS[0].key() in str(error) for error in result.errors)
    assert len(result.errors) == result.damaged


@pytest.mark.parametrize(
    ("cut", "way", "damaged"), [(40, "whole", 0), (40, "nowhere", 1), (20, "whole", 1), (0, "x", 1)]
)
def test_a_damaged_line_without_its_whole_key_counts_unless_its_record_came(
    store: FolderStore, cut: int, way: str, damaged: int
) -> None:
    line = DamagedLine(7, RUNS[0].key()[:cut], "its head is cut off or altered")
    result = collect([line, *raw(RUNS[way != "whole" :])], "x.log", store)
    assert (result.damaged, len(result.errors)) == (damaged, damaged)
    assert all(str(error).startswith("x.log: line 7 holds ") for error in result.errors)


def test_two_damaged_lines_without_a_key_are_two(store: FolderStore) -> None:
    assert collect([DamagedLine(line, "", "nonsense") for line in (3, 9)], "x.log", store).damaged == 2


def test_what_had_not_come_whole_is_forgotten_where_the_log_is_read_again(store: FolderStore) -> None:
    collector = Collector(store)
    collector.add([DamagedLine(7, "", "its head is cut off or altered")], "a log")
    collector.add(raw(RUNS), "a log")
    assert collector.result().damaged == 0


@pytest.mark.parametrize("key", ["../../etc/passwd.json", "v1/../../x.json", "//", "x", "v1/runs/"])
def test_a_damaged_line_may_name_anything(store: FolderStore, key: str) -> None:
    assert collect([DamagedLine(1, key, "nonsense")], "x.log", store).damaged == 1


def test_what_a_store_refuses_can_be_added_again(store: FolderStore) -> None:
    class Refusing(FolderStore):
        refuses = True

        def put(self, document: AnyDocument) -> str:
            if self.refuses:
                raise StoreError("store there: cannot be reached")
            return super().put(document)

    refusing = Refusing(store.locator)
    collector = Collector(refusing)
    with pytest.raises(StoreError):
        collector.add(raw(RUNS), "a log")
    refusing.refuses = False
    collector.add(raw(RUNS), "a log")
    assert collector.result().new == 3
