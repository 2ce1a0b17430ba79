"""CIFAR-10's files: found, downloaded, and refused unless they are the official ones."""

import contextlib
import functools
import hashlib
import http.server
import io
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import DataError
from bench.tracking import told_to
from bench.training import data
from tests.support.told import Told


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Six small generated batches that pass for the official ones."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(data, "FILE_BYTES", 20 * data.RECORD_BYTES)
    files = {}
    for name in data.FILE_MD5:
        records = rng.integers(0, 256, (20, data.RECORD_BYTES), np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    monkeypatch.setattr(data, "FILE_MD5", {n: hashlib.md5(c).hexdigest() for n, c in files.items()})
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.delenv("CIFAR10_URL", raising=False)
    return files


@pytest.fixture
def folder(tmp_path: Path, official: dict[str, bytes]) -> Path:
    target = tmp_path / "given" / data.FOLDER
    target.mkdir(parents=True)
    for name, content in official.items():
        (target / name).write_bytes(content)
    return target


def test_a_record_is_a_label_and_three_planes(folder: Path, official: dict[str, bytes]) -> None:
    cifar = data.load(folder)
    assert cifar.train_images.shape == (100, 3, 32, 32)
    assert cifar.test_images.shape == (20, 3, 32, 32)
    raw = official["data_batch_2.bin"]
    assert cifar.train_labels[20] == raw[0]
    assert cifar.train_images[20, 1, 2, 3] == raw[1 + 1024 + 2 * 32 + 3]  # the third row of green


def test_holding_out_takes_the_test_images_from_the_training_set(folder: Path) -> None:
    cifar = data.load(folder)
    held = cifar.hold_out(30)
    assert len(held.train_labels) == 70
    assert np.array_equal(held.test_images, cifar.train_images[70:])
    assert held.name != cifar.name


@pytest.mark.parametrize("depth", ["folder", "parent"])
def test_batches_are_found_in_the_folder_or_below_it(folder: Path, depth: str) -> None:
    assert data.find(folder if depth == "folder" else folder.parent) == folder


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIFAR10_DIR", str(folder.parent))
    assert data.find() == folder


def test_without_a_name_and_without_a_cache_nothing_is_found(
    tmp_path: Path, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match="`bench data fetch`"):
        data.find()


def test_a_named_folder_without_batches_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path}: "):
        data.find(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data or CIFAR10_DIR"):
        data.find(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda path: path.unlink(), "`bench data fetch`"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), " bytes "),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "MD5 "),
    ],
    ids=["missing", "truncated", "altered"],
)
def test_a_harmed_file_is_named_with_what_to_do(folder: Path, harm: Callable[[Path], object], expected: str) -> None:
    harm(folder / "data_batch_3.bin")
    with pytest.raises(DataError, match=expected) as caught:
        data.verify(folder)
    assert "data_batch_3.bin" in str(caught.value)
    assert "\n" not in str(caught.value)


class Mirror:
    """A loopback web server over a folder, that fails its first `failures` requests."""

    def __init__(self, folder: Path, failures: int = 0) -> None:
        self.requests = 0

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 -- `self` is the mirror here
                self.requests += 1
                if self.requests <= failures:
                    handler.send_error(503)
                else:
                    super().do_GET()

            def copyfile(handler, *words: Any) -> None:  # noqa: N805 -- as above
                with contextlib.suppress(ConnectionError):  # a client may look at the headers and hang up
                    super().copyfile(*words)

            def log_message(handler, *words: object) -> None:  # noqa: N805 -- as above
                pass

        serve = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{data.ARCHIVE}"


@pytest.fixture
def archive(tmp_path: Path, official: dict[str, bytes]) -> Path:
    (tmp_path / "mirror").mkdir()
    path = tmp_path / "mirror" / data.ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        for name, content in official.items():
            member = tarfile.TarInfo(f"{data.FOLDER}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_fetch_downloads_verifies_and_unpacks_after_a_failure(archive: Path, tmp_path: Path, no_waiting: None) -> None:
    mirror = Mirror(archive.parent, failures=1)
    folder = data.fetch(tmp_path / "cache", mirror.url, md5=md5(archive))
    data.verify(folder)
    assert mirror.requests > 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [data.FOLDER]  # nothing of the download stays


def test_a_download_tells_how_far_it_is(archive: Path, tmp_path: Path, no_waiting: None) -> None:
    told = Told()
    with told_to(told):
        data.fetch(tmp_path / "cache", Mirror(archive.parent).url, md5=md5(archive))
    size = archive.stat().st_size
    (work, *steps, end) = told.lines
    assert (work, end) == ((f"bytes of {data.ARCHIVE}", size), "end")
    assert sum(step for step in steps if isinstance(step, int)) == size


def test_fetch_does_nothing_where_verified_files_lie(folder: Path) -> None:
    assert data.fetch(folder.parent, "http://127.0.0.1:9/nowhere") == folder


def test_an_archive_with_another_checksum_is_refused_and_leaves_nothing(
    archive: Path, tmp_path: Path, no_waiting: None
) -> None:
    with pytest.raises(DataError, match="--url"):
        data.fetch(tmp_path / "cache", Mirror(archive.parent).url, md5="0" * 32)
    assert not list((tmp_path / "cache").iterdir())


def test_an_unreachable_mirror_is_one_line(tmp_path: Path, official: dict[str, bytes], no_waiting: None) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9") as caught:
        data.fetch(tmp_path / "cache", "http://127.0.0.1:9/cifar-10-binary.tar.gz")
    assert "\n" not in str(caught.value)


class Slow:
    """A loopback web server that begins to answer, then sends `block` every `pause_s`; a pause of None never ends."""

    def __init__(self, block: bytes, pause_s: float | None) -> None:
        self.requests = 0
        self.over = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 -- `self` is the server here
                self.requests += 1
                handler.send_response(200)
                handler.send_header("Content-Length", "1000000")
                handler.end_headers()
                with contextlib.suppress(ConnectionError):
                    handler.wfile.write(block)
                    while not self.over.wait(pause_s):
                        handler.wfile.write(block)

            def log_message(handler, *words: object) -> None:  # noqa: N805 -- as above
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{data.ARCHIVE}"


@pytest.mark.parametrize("pause_s", [None, 0.01], ids=["stalls", "trickles"])
def test_a_download_that_does_not_end_is_given_up_and_tried_again(
    pause_s: float | None, tmp_path: Path, no_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "STALLED_S", 0.2)
    monkeypatch.setattr(data, "SLOW_S", 0.2)
    server = Slow(b"x" * 10, pause_s)
    with pytest.raises(DataError, match=server.url):
        data.fetch(tmp_path / "cache", server.url, attempts=2)
    server.over.set()
    assert server.requests == 2
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("whole", [True, False])
def test_an_archive_that_lies_there_is_taken_if_it_is_whole(archive: Path, tmp_path: Path, whole: bool) -> None:
    (tmp_path / "cache").mkdir()
    content = archive.read_bytes()
    (tmp_path / "cache" / data.ARCHIVE).write_bytes(content if whole else content[:-1])
    mirror = Mirror(archive.parent)
    data.verify(data.fetch(tmp_path / "cache", mirror.url, md5=md5(archive)))
    assert mirror.requests == (0 if whole else 1)


def test_what_is_no_address_is_one_line(tmp_path: Path, official: dict[str, bytes], no_waiting: None) -> None:
    with pytest.raises(DataError, match="nowhere"):
        data.fetch(tmp_path / "cache", "nowhere")


def test_the_official_files_pass(cifar10: Path) -> None:
    folder = data.find(cifar10)
    assert folder is not None
    images = data.load(folder)
    assert (len(images.train_labels), len(images.test_labels)) == (50_000, 10_000)
    assert np.array_equal(np.bincount(images.train_labels), [5000] * 10)
    mean = images.train_images.mean(axis=(0, 2, 3)) / 255
    assert np.allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-3)
