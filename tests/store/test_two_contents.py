"""One id with two contents, in two stores or on the way into one, is named, and the exit code is 5."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.record.documents import AnyDocument, RecipeRef
from bench.store import Spool, open_store
from tests.support.builders import make_run
from tests.support.command import run_bench
from tests.support.small_store import a_lease, a_run

RUN = a_run(1)
OTHER = RUN.model_copy(update={"seed": 99})
LEASE = a_lease(1)
DEARER = a_lease(1, "9.99")
PAIRS = {"runs": (RUN, OTHER), "leases": (LEASE, DEARER)}
COMMANDS = {"table": ["report"], "page": ["report", "--format", "html"], "csv": ["report", "--format", "csv"]}


@pytest.mark.slow
@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=PAIRS)
def test_a_report_of_two_stores_names_both(
    tmp_path: Path, a: AnyDocument, b: AnyDocument, words: list[str], compacted: bool
) -> None:
    for name, document in (("one", a), ("two", b)):
        open_store(tmp_path / name).put(document)
        open_store(tmp_path / name).put(make_run())
        if compacted:
            run_bench("store", "compact", "--store", name, cwd=tmp_path, env={**os.environ})
    done = run_bench(*words, "--store", "one", "--store", "two", cwd=tmp_path, env={**os.environ})
    assert done.returncode == 5
    (line,) = [line for line in done.stderr.splitlines() if a.id in line]
    assert "one" in line
    assert "two" in line
    assert done.stdout


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=PAIRS)
def test_whatever_reads_two_stores_names_both(tmp_path: Path, a: AnyDocument, b: AnyDocument, compacted: bool) -> None:
    """A comparison with an older store, claims and a plan; each says what it has to say all the same."""
    for name, document, recipe in (("one", a, "quick"), ("two", b, "myrtle")):
        for each in (document, make_run(recipe=RecipeRef(name=recipe, source_sha256="0" * 64))):
            open_store(tmp_path / name).put(each)
        if compacted:
            run_bench("store", "compact", "--store", name, cwd=tmp_path, env={**os.environ})
    (tmp_path / "sky.yaml").write_text("resources:\n  accelerators: V100:1\n")
    (tmp_path / "sweep.yaml").write_text("name: s\nrecipes: [myrtle]\nruns: 3\nmachines: [sky.yaml]\n")
    for words in (
        ["compare", "quick", "myrtle", "--store", "one", "--baseline-store", "two"],
        ["claims", "--store", "one", "--store", "two"],
        ["plan", "sweep.yaml", "--offline", "--store", "one", "--store", "two"],
    ):
        done = run_bench(*words, cwd=tmp_path, env={**os.environ})
        assert done.returncode == 5, (words, done.stderr)
        (line,) = [line for line in done.stderr.splitlines() if a.id in line]
        assert "two has other content than one" in line
        assert done.stdout


def test_the_same_content_in_two_stores_is_one_record(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for document in (LEASE, RUN):
            open_store(tmp_path / name).put(document)
    both = run_bench("report", "--store", "one", "--store", "two", cwd=tmp_path, env={**os.environ})
    one = run_bench("report", "--store", "one", cwd=tmp_path, env={**os.environ})
    assert (both.returncode, both.stdout, both.stderr) == (0, one.stdout, one.stderr)


def test_draining_another_content_ends_with_5(tmp_path: Path, spool: Path) -> None:
    store = open_store(tmp_path / "one")
    store.put(RUN)
    Spool(store.locator).add(OTHER)
    done = run_bench("store", "drain", cwd=tmp_path, env={**os.environ})
    assert done.returncode == 5
    assert RUN.key() in done.stderr
    assert store.read(RUN.key()) == RUN
