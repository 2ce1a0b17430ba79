"""A metadata server on the loopback that answers as a provider's does: real HTTP, no mock; and a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.lease.detect import find_machine
from bench.store import FolderStore

# Path (with its query) -> the body, or (status, body), or a function of the handler that answers by itself.
Pages = dict[str, "str | tuple[int, str] | Callable[[BaseHTTPRequestHandler], None]"]


class Server:
    """A running server. `asked` lists (method, path, headers) as they came."""

    def __init__(self, pages: Pages, headers: dict[str, str]) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                outer.asked.append((self.command, self.path, dict(self.headers)))
                page = pages.get(self.path, (404, "not found"))
                if callable(page):
                    page(self)
                    return
                status, body = page if isinstance(page, tuple) else (200, page)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_PUT = _answer  # noqa: N815 -- the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.host = f"127.0.0.1:{self._http.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(pages, **headers)`: a server with these pages, stopped after the test."""
    running: list[Server] = []

    def start(pages: Pages, **headers: str) -> Server:
        running.append(Server(pages, {name.replace("_", "-"): value for name, value in headers.items()}))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def own_firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Firmware that says nothing, whatever machine the tests run on."""
    monkeypatch.setattr("bench.lease.lease.find_machine", partial(find_machine, dmi=tmp_path))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))
