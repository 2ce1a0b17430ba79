"""What was measured is kept, also where the store fails after the first run began."""

from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.measure.progress import Progress
from bench.measure.session import Keeper, spool_folder
from bench.record.documents import Run
from bench.store import FolderStore, open_store


class Full(FolderStore):
    """A store whose disk is full."""

    def put(self, document: object) -> str:
        raise StoreError("store there: the disk is full")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_run_that_its_store_refuses_is_kept_in_the_spool_and_the_place_is_said(
    tmp_path: Path, make_run, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = make_run()
    key = Keeper(Full(tmp_path / "there"), Progress()).put(run)
    assert open_store(spool_folder()).read(key) == run
    said = capsys.readouterr().err
    assert "the disk is full" in said
    assert str(spool_folder() / key) in said


def test_a_store_that_works_leaves_the_spool_alone(tmp_path: Path, make_run) -> None:
    store = FolderStore(tmp_path / "there")
    run: Run = make_run()
    key = Keeper(store, Progress(quiet=True)).put(run)
    assert store.read(key) == run
    assert not spool_folder().exists()
