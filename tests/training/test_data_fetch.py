"""CIFAR-10 as it is fetched: downloaded from a mirror, verified, and put where it is looked for."""

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DataError
from bench.tracking import reporting_to
from bench.training import data
from tests.support.ports import free_port
from tests.support.told import Told


class Mirror:
    """A loopback web server over a folder, that fails its first `failures` requests."""

    def __init__(self, folder: Path, failures: int = 0) -> None:
        self.requests = 0
        self.authorizations: list[str | None] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 -- `self` is the mirror here
                self.requests += 1
                self.authorizations.append(handler.headers["Authorization"])
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
    with reporting_to(told):
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


def test_a_download_that_breaks_off_is_told_as_that(
    tmp_path: Path, official: dict[str, bytes], no_waiting: None
) -> None:
    server = Slow(b"x" * 10, None)
    server.over.set()
    with pytest.raises(DataError, match="10 of 1,000,000 bytes"):
        data.fetch(tmp_path / "cache", server.url)


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


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://bob:s3cr3t@127.0.0.1:{}/x", "http://***@127.0.0.1:{}/x"),
        ("http://127.0.0.1:{}/x?sig=s3cr3t", "http://127.0.0.1:{}/x?sig=***"),
        ("ftp://bob:s3cr3t@127.0.0.1:{}/x", "ftp://***@127.0.0.1:{}/x"),
        ("bob:s3cr3t@127.0.0.1:{}/x", "***@127.0.0.1:{}/x"),
        ("bob@s3cr3t@127.0.0.1:{}/x", "***@127.0.0.1:{}/x"),
    ],
)
def test_a_password_of_a_mirror_is_not_shown(
    address: str, shown: str, tmp_path: Path, official: dict[str, bytes], no_waiting: None
) -> None:
    said: list[str] = []
    with pytest.raises(DataError) as caught:
        data.fetch(tmp_path, address.format(free_port()), attempts=1, say=said.append)
    assert "s3cr3t" not in "".join([*said, str(caught.value)])
    before, _, after = shown.partition("{}")
    assert all(line.startswith(before) and after in line for line in [*said, str(caught.value)])


def test_what_is_no_url_is_not_tried(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(DataError, match=r"^mirror/cifar.tar.gz: "):
        data.fetch(tmp_path, "mirror/cifar.tar.gz", say=said.append)
    assert said == []


def test_a_name_and_a_password_are_told_to_the_mirror(archive: Path, tmp_path: Path, no_waiting: None) -> None:
    mirror = Mirror(archive.parent)
    data.fetch(tmp_path / "cache", mirror.url.replace("//", "//bob:p%40ss@"), md5=md5(archive))
    assert mirror.authorizations == ["Basic " + base64.b64encode(b"bob:p@ss").decode()]


def test_batches_that_lie_in_the_folder_itself_need_no_download(folder: Path) -> None:
    assert data.fetch(folder, "http://127.0.0.1:9/nowhere") == folder


@pytest.mark.parametrize("gone", [["test_batch.bin"], ["data_batch_1.bin", "data_batch_2.bin"], list(data.FILE_MD5)])
@pytest.mark.parametrize("below", [True, False])
def test_what_is_missing_of_the_batches_is_added(
    gone: list[str], below: bool, folder: Path, archive: Path, no_waiting: None
) -> None:
    """As where a harmed file was removed, which is the remedy that is named."""
    for name in gone:
        (folder / name).unlink()
    kept = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    made = data.fetch(folder.parent if below else folder, Mirror(archive.parent).url, md5=md5(archive))
    data.verify(made)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


def test_a_harmed_batch_is_named_before_anything_is_downloaded(folder: Path, archive: Path) -> None:
    (folder / "test_batch.bin").unlink()
    (folder / "data_batch_2.bin").write_bytes(b"short")
    mirror = Mirror(archive.parent)
    with pytest.raises(DataError, match=r"data_batch_2\.bin"):
        data.fetch(folder.parent, mirror.url, md5=md5(archive))
    assert mirror.requests == 0


def test_two_that_fetch_at_once_both_have_the_batches(
    archive: Path, tmp_path: Path, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "cache" / data.FOLDER
    unpack = data._unpack

    def unpack_behind_the_other(*words: Path) -> None:
        other.mkdir()
        (other / "test_batch.bin").write_bytes(official["test_batch.bin"])
        unpack(*words)

    monkeypatch.setattr(data, "_unpack", unpack_behind_the_other)
    data.verify(data.fetch(tmp_path / "cache", archive.as_uri(), md5=md5(archive)))


def test_a_tilde_is_the_home_folder_of_who_fetches(
    archive: Path, tmp_path: Path, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.fetch(Path("~/here"), archive.as_uri(), md5=md5(archive)) == tmp_path / "here" / data.FOLDER
    assert data.find("~/here") == tmp_path / "here" / data.FOLDER


@pytest.mark.parametrize("named", [None, "~/here", "~nobody-of-this-name"])
def test_a_user_without_a_home_is_asked_for_a_folder(
    named: str | None, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a bare number."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does where nobody knows
    with pytest.raises(DataError, match="folder"):
        data.find(named)
    with pytest.raises(DataError, match="folder"):
        data.fetch(Path(named) if named else None)
