"""Which records of a folder the compact layer lacks: by their names, in whatever company."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench.record.documents import new_id
from bench.store import FolderStore, compact as layer
from bench.store.compact.listing import listed
from tests.support.builders import make_run

HELD = [new_id() for _ in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `day` with a file for each id that is held."""
    (tmp_path / "day").mkdir()
    for run_id in HELD:
        (tmp_path / "day" / f"{run_id}.json").touch()
    return tmp_path


def lacks(folder: Path, held: pa.ChunkedArray) -> list[str]:
    """The paths that are not among the ids."""
    return sorted(listed(folder, "day").not_among(held))


@pytest.mark.parametrize("position", range(36))
def test_an_id_that_differs_in_any_one_letter_is_another(folder: Path, position: int) -> None:
    """As many names as ids, so that nothing but the letter tells."""
    run_id = HELD[1]
    other = f"{run_id[:position]}{'b' if run_id[position] == 'a' else 'a'}{run_id[position + 1 :]}"
    assert lacks(folder, pa.chunked_array([[HELD[0], other], [HELD[2]]])) == [f"day/{run_id}.json"]


def test_order_and_repetition_and_chunks_of_a_column_do_not_count(folder: Path) -> None:
    column = pa.array(["", *HELD[::-1], HELD[0], None, "é" * 18, "short"], pa.string())
    assert lacks(folder, pa.chunked_array([column[2:4], column[4:].slice(1), column[1:2], column[:0]])) == []
    assert lacks(folder, pa.chunked_array([column[1:3], column[5:]])) == [f"day/{HELD[0]}.json"]
    assert lacks(folder, pa.chunked_array([column[1:2], column[6:]])) == sorted(
        f"day/{run_id}.json" for run_id in HELD[:2]
    )


def test_other_names_beside_them_are_told_and_folders_gone_into(folder: Path) -> None:
    below = folder / "day" / f"{'x' * 36}.json"  # as long as a record's name
    below.mkdir()
    deeper = folder / "day" / "été.json"
    deeper.mkdir()
    files = ("a.json", f"{'y' * 36}.text", "notes.txt")
    for path in (*(folder / "day" / name for name in files), below / "é.json", deeper / "\udcff.json"):
        path.touch()
    (deeper / f"{HELD[1]}.json").touch()
    (deeper / f"{'é' * 18}.json").touch()
    assert lacks(folder, pa.chunked_array([HELD])) == [
        "day/a.json",
        f"day/{'x' * 36}.json",
        "day/été.json",
        f"day/été.json/{'é' * 18}.json",
        "day/été.json/\udcff.json",
    ]


@pytest.mark.parametrize("fresh", [0, 1, 3])
def test_all_folders_are_compared_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: int) -> None:
    store = FolderStore(tmp_path)
    store.put(make_run())
    layer.compact(store)
    beside = [make_run(id=f"019b9b0{hour}-0000-7000-8000-000000000001") for hour in range(fresh)]
    for run in beside:
        store.put(run)
    isin, calls = np.isin, []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(len(arguments[0]))
        return isin(*arguments, **options)

    monkeypatch.setattr(np, "isin", counted)
    assert layer.read_runs(store).table["run_id"].to_pylist()[1:] == [run.id for run in beside]
    assert calls == ([1 + fresh] if fresh else [])
