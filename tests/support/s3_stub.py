"""An S3 on loopback, its objects in memory, that answers some requests oddly, as S3-likes and proxies do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit


class Answer(NamedTuple):
    """A status, a body, and headers; of a body that breaks off, half is sent."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    breaks_off: bool = False


def refusal(status: int, code: str, message: str = "m") -> Answer:
    """An error as S3 words it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


class S3Stub(ThreadingHTTPServer):
    """The server. What `on_put` and `on_get` return in place of None is the answer; `on_list` sees the right one.

    `every` answers all that comes.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.lock = Lock()
        self.page = 1000
        self.requests: list[str] = []  # what was asked for, such as "GET /bucket?list-type=2"
        self.on_put: Callable[[str, bytes, dict[str, str]], Answer | None] = lambda key, data, headers: None
        self.on_get: Callable[[str], Answer | None] = lambda key: None
        self.every: Answer | None = None
        self.on_list: Callable[[str], str | Answer] = lambda xml: xml

    @property
    def settings(self) -> dict[str, str]:
        """The variables that lead to it."""
        return {
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.server_port}",
        }

    def put(self, key: str, data: bytes, headers: dict[str, str]) -> Answer:
        """Create an object, once."""
        with self.lock:
            odd = self.on_put(key, data, headers)
            if odd is not None:
                return odd
            if key in self.objects:
                return refusal(412, "PreconditionFailed")
            self.objects[key] = data
        return Answer(200)

    def listing(self, query: dict[str, str]) -> Answer:
        """A page of ListObjectsV2."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        names: dict[str, bool] = {}
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            head, mark, _ = key[len(prefix) :].partition(delimiter or "\0")
            names[prefix + head + mark] = bool(mark)
        left = [name for name in names if name > query.get("continuation-token", query.get("start-after", ""))]
        page = left[: min(self.page, int(query.get("max-keys", 1000)))]
        cut = len(page) < len(left)
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if cut else ""
        items = "".join(
            f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"
            if names[name]
            else f"<Contents><Key>{name}</Key><Size>1</Size></Contents>"
            for name in page
        )
        answer = self.on_list(
            f"<ListBucketResult><IsTruncated>{str(cut).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>"
            f"{token}{items}</ListBucketResult>"
        )
        return answer if isinstance(answer, Answer) else Answer(200, answer.encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Stub

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self.server.put(self._key(), data, headers))

    def do_GET(self) -> None:
        if key := self._key():
            body = self.server.objects.get(key)
            right = refusal(404, "NoSuchKey") if body is None else Answer(200, body)
            self._answer(self.server.on_get(key) or right)
            return
        query = parse_qs(urlsplit(self.path).query)
        self._answer(self.server.listing({name: values[0] for name, values in query.items()}))

    def do_HEAD(self) -> None:
        self._answer(Answer(200))

    def log_message(self, *_: object) -> None:
        self.server.requests.append(f"{self.command} {self.path}")

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _answer(self, answer: Answer) -> None:
        answer = self.server.every or answer
        self.send_response(answer.status)  # which calls log_message
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.breaks_off:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(answer.body)


@contextlib.contextmanager
def running() -> Iterator[S3Stub]:
    """A stub that answers until the end."""
    with S3Stub() as stub:
        thread = Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            stub.shutdown()
            thread.join()
