"""Writers that are killed and writers that compete leave whole records, and lose none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.record.documents import Run, to_bytes
from bench.store import Store, open_store, read_all
from tests.support.builders import make_run

# A writer dies at the k-th step that touches the file system, for every k. Before a file is forced to the
# disk, half of it may be lost: so it is.
KILLED_WRITER = """
import os, signal, stat, sys
from pathlib import Path
from bench.record.documents import from_bytes
from bench.store import open_store

STEPS = {"open", "os.mkdir", "os.link", "os.remove", "os.rename", "fsync"}
stores, links, *sources = sys.argv[1:]
documents = [from_bytes(Path(source).read_bytes(), source) for source in sources]
taken = 0

def step(event, arguments=(), lose=None):
    global taken
    taken += event in STEPS
    if taken == fatal and event in STEPS:
        if lose is not None and stat.S_ISREG(os.fstat(lose).st_mode):
            os.ftruncate(lose, os.fstat(lose).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

def fsync(descriptor):
    step("fsync", lose=descriptor)
    step("fsync")

def no_link(*arguments):
    step("os.link")
    raise PermissionError(1, "Operation not permitted")

def write(root):
    os.fsync = fsync
    if links == "no-links":
        os.link = no_link
    sys.addaudithook(step)
    store = open_store(root)
    for document in documents:
        store.put(document)

for fatal in range(1, 1000):
    child = os.fork()
    if child == 0:
        write(f"{stores}/{fatal}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(fatal)
"""

# Eight writers at once. Each puts the documents that all share, then its own, and prints what it won.
WRITERS = """
import os, sys
from pathlib import Path
from bench.errors import ConflictError
from bench.record.documents import from_bytes
from bench.store import open_store

root, links, documents = sys.argv[1], sys.argv[2], Path(sys.argv[3])

def no_link(*arguments):
    raise PermissionError(1, "Operation not permitted")

def write(number, start):
    if links == "no-links":
        os.link = no_link
    store = open_store(root)
    work = [from_bytes(p.read_bytes(), p.name) for p in sorted(documents.glob(f"{number}-*"))]
    os.read(start, 1)
    for document in work:
        try:
            os.write(1, f"{number} {store.put(document)}\\n".encode())
        except ConflictError:
            pass

start, go = os.pipe()
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        write(number, start)
        os._exit(0)
    children.append(child)
os.write(go, bytes(8))
sys.exit(max(os.waitpid(child, 0)[1] for child in children) != 0)
"""


def python(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def records(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in (root / "v1").rglob("*.json"))


def saved(folder: Path, documents: Mapping[str, Run]) -> list[Path]:
    folder.mkdir()
    paths = [folder / name for name in documents]
    for path in paths:
        path.write_bytes(to_bytes(documents[path.name]))
    return paths


@pytest.mark.slow
@pytest.mark.parametrize("links", ["links", "no-links"])
def test_a_writer_killed_at_any_step_leaves_whole_records_or_nothing(tmp_path: Path, links: str) -> None:
    runs = [make_run(seed=seed) for seed in range(2)]
    sources = saved(tmp_path / "sources", {f"{i}.json": run for i, run in enumerate(runs)})
    stores = tmp_path / "stores"
    stores.mkdir()
    steps = int(python(KILLED_WRITER, stores, links, *sources))
    assert steps > 50

    found: Counter[int] = Counter()
    for fatal in range(1, steps + 1):
        store = open_store(stores / str(fatal))
        store.check_writable()
        documents, errors = read_all(store)
        assert errors == []
        assert documents == sorted(runs[: len(documents)], key=lambda run: run.key())
        found[len(documents)] += 1
        for run in runs:  # whoever comes next is not hindered
            store.put(run)
        assert len(read_all(store)[0]) == 2
    assert set(found) == {0, 1, 2}  # kills fell before, between and after the two


def test_what_dead_writers_left_is_swept_after_a_day_and_never_read(store: Store, root: Path) -> None:
    store.check_writable()
    old, fresh, lock = (root / ".tmp" / name for name in ("old.part", "fresh.part", "lock"))
    for path in (old, fresh, lock):
        path.write_bytes(b"{half a rec")
    long_ago = time.time() - 25 * 3600
    for path in (old, lock):
        os.utime(path, (long_ago, long_ago))
    assert read_all(store) == ([], [])
    store.check_writable()
    assert sorted(path.name for path in (root / ".tmp").iterdir()) == ["fresh.part", "lock"]


@pytest.mark.slow
@pytest.mark.parametrize("links", ["links", "no-links"])
def test_eight_writers_at_once_lose_nothing_and_each_conflict_has_one_winner(
    tmp_path: Path, root: Path, links: str
) -> None:
    shared = [make_run() for _ in range(5)]
    disputed = [make_run() for _ in range(10)]
    work: dict[str, Run] = {}
    for writer in range(8):
        mine = [run.model_copy(update={"seed": 100 + writer}) for run in disputed]
        own = [make_run() for _ in range(3)]
        work |= {f"{writer}-{i:02}.json": run for i, run in enumerate([*shared, *mine, *own])}
    saved(tmp_path / "work", work)

    lines = python(WRITERS, root, links, tmp_path / "work").splitlines()
    stored = Counter(line.split()[1] for line in lines)
    documents, errors = read_all(open_store(root))
    assert errors == []
    assert sorted(stored) == records(root) == [document.key() for document in documents]
    assert len(documents) == 5 + 10 + 8 * 3
    assert all(stored[run.key()] == 8 for run in shared)
    for run in disputed:
        (winner,) = [line.split()[0] for line in lines if line.endswith(run.key())]
        assert open_store(root).read(run.key()) == run.model_copy(update={"seed": 100 + int(winner)})
