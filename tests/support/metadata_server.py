"""A metadata server on the loopback that answers as a provider's does: real HTTP, no mock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

# Path (with its query) -> the body, or (status, body), or a function of the handler that answers by itself.
Page = str | tuple[int, str] | Callable[[BaseHTTPRequestHandler], None]
Pages = Mapping[str, Page]


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


class Serve(Protocol):
    """`serve(pages, **headers)`: a running server with these pages."""

    def __call__(self, pages: Pages, **headers: str) -> Server: ...


def ec2_pages(launched: str = "2026-11-22T12:00:00Z", life_cycle: str = "spot") -> dict[str, Page]:
    """What EC2 answers on a p3.2xlarge."""
    identity = {"accountId": "123456789012", "instanceId": "i-0abc", "pendingTime": launched}
    return {
        "/latest/api/token": "a-token",
        "/latest/meta-data/instance-id": "i-0abc",
        "/latest/meta-data/instance-type": "p3.2xlarge",
        "/latest/meta-data/instance-life-cycle": life_cycle,
        "/latest/meta-data/placement/region": "us-east-1",
        "/latest/meta-data/placement/availability-zone": "us-east-1a",
        "/latest/dynamic/instance-identity/document": json.dumps(identity),
    }


EC2_NOTICE: dict[str, Page] = {
    "/latest/meta-data/spot/instance-action": '{"action": "terminate", "time": "2026-11-22T12:02:00Z"}'
}
