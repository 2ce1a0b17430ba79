"""What can go wrong with S3 is told in one line, with what to do, and without a secret; on a real server."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import botocore.auth
import pytest

from bench.errors import StoreError
from bench.store import Store, open_store
from bench.store.spool import Spool, SpooledWriter, drain
from tests.support import seaweedfs
from tests.support.builders import make_run

PASSWORD = "planted-password"
TOKEN = "planted-session-token"
SECRETS = (
    *(seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY, seaweedfs.READER_KEY, seaweedfs.READER_SECRET, PASSWORD, TOKEN),
    *("AKIAWRONG", "wrong-secret"),
)
READER = {"AWS_ACCESS_KEY_ID": seaweedfs.READER_KEY, "AWS_SECRET_ACCESS_KEY": seaweedfs.READER_SECRET}

TROUBLE = {
    "wrong key": ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "the credentials are invalid; check AWS_ACCESS_KEY_ID"),
    "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "the credentials are invalid"),
    "a token that is none": ({"AWS_SESSION_TOKEN": TOKEN}, "the credentials are invalid"),
    "half a credential": ({"AWS_SECRET_ACCESS_KEY": None}, "the credentials are incomplete"),
    "no credentials": (
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in AWS_PROFILE",
    ),
    "no permission": (READER, "no permission for PutObject (AccessDenied); docs/s3.md has the policy"),
    "no such profile": ({"AWS_PROFILE": "nobody"}, "there is no such profile; check AWS_PROFILE"),
    "nobody listens": ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "127.0.0.1:9 cannot be reached"),
    "an endpoint that is none": ({"AWS_ENDPOINT_URL_S3": "s3.example"}, "the endpoint's URL is invalid"),
    "a password in the endpoint": (
        {"AWS_ENDPOINT_URL_S3": f"http://{seaweedfs.ACCESS_KEY}:{PASSWORD}@127.0.0.1:9"},
        "the endpoint's URL holds a user or a password; take them out of it",
    ),
    "a region that is none": ({"AWS_DEFAULT_REGION": "not a region"}, "AWS_ENDPOINT_URL_S3 and AWS_DEFAULT_REGION"),
}


def one_line_without_a_secret(error: StoreError, store: Store, said: str) -> None:
    text = str(error)
    assert text.startswith(f"store {store.name}: ")
    assert said in text
    assert "\n" not in text
    assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize(("settings", "said"), TROUBLE.values(), ids=TROUBLE)
def test_settings_that_do_not_do_are_refused_before_a_run_and_a_record_is_kept_in_the_spool(
    bucket: str,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str | None],
    said: str,
) -> None:
    run, url = make_run(), f"{bucket}/records"
    with monkeypatch.context() as changed:
        for name, value in settings.items():
            changed.delenv(name) if value is None else changed.setenv(name, value)
        store = open_store(url)
        with pytest.raises(StoreError) as error:
            store.check_writable()
        one_line_without_a_secret(error.value, store, said)
        SpooledWriter(store).put(run)
    assert said in capsys.readouterr().err
    files = [path.read_text() for path in spool.rglob("*") if path.is_file()]
    assert not [secret for secret in SECRETS if any(secret in text for text in files)]

    store = open_store(url)  # the user has mended it
    assert drain(Spool(url), store).stored == 1
    assert store.read(run.key()) == run


@pytest.mark.skipif(
    not hasattr(botocore.auth, "get_current_datetime"), reason="this botocore's clock cannot be put back"
)
def test_a_clock_that_is_an_hour_off_is_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *args: now(*args) + timedelta(hours=1))
    store = open_store(bucket)
    with pytest.raises(StoreError) as error:
        store.check_writable()
    one_line_without_a_secret(error.value, store, "this machine's clock is off by minutes")


def test_a_bucket_that_is_not_there_is_said_to_writers_and_readers(s3: Any) -> None:
    store, run = open_store("s3://no-such-bucket/records"), make_run()
    for attempt in (store.check_writable, store.keys, lambda: store.put(run), lambda: store.read(run.key())):
        with pytest.raises(StoreError) as error:
            attempt()
        one_line_without_a_secret(error.value, store, "there is no such bucket; make it")


def test_who_may_only_read_reads(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    open_store(bucket).put(run)
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    store = open_store(bucket)
    assert list(store.keys()) == [run.key()]
    assert store.read(run.key()) == run


def test_a_server_whose_certificate_nobody_vouches_for_is_not_trusted(
    bucket: str, seaweed: seaweedfs.SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweed.endpoint.replace("http:", "https:"))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError, match="AWS_CA_BUNDLE"):
        open_store(bucket).check_writable()


@pytest.mark.parametrize(
    "url",
    [
        f"s3://{seaweedfs.ACCESS_KEY}:{PASSWORD}@bucket/prefix",
        f"s3://bucket/prefix?secret={PASSWORD}",
        f"https://{seaweedfs.ACCESS_KEY}:{PASSWORD}@example.org/bucket",
        f"gs://{PASSWORD}@bucket",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="s3://bucket/prefix") as error:
        open_store(url)
    assert not [secret for secret in SECRETS if secret in str(error.value)]


class Server(ThreadingHTTPServer):
    """A server that answers each PUT in turn, the last answer for ever."""

    def __init__(self, answers: Sequence[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answers = 0, answers


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.server.answers[min(self.server.asked, len(self.server.answers) - 1)]
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, str]) -> Iterator[Server]:
    """A server that answers PUT with each (status, error code) in turn, the last one for ever."""
    bodies = [
        (status, f"<Error><Code>{code}</Code><Message>{PASSWORD}</Message></Error>".encode() if code else b"")
        for status, code in answers
    ]
    with Server(bodies) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_would_overwrite_is_refused(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(monkeypatch, (200, "")), pytest.raises(StoreError, match="If-None-Match"):
        open_store("s3://bucket").check_writable()


def test_a_writer_that_met_another_one_tries_again(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.store.s3.S3Store.create_object.retry.sleep", lambda _: None)
    busy = (409, "ConditionalRequestConflict")
    with answering(monkeypatch, busy, busy, (200, "")) as server:
        open_store("s3://bucket").put(make_run())
        assert server.asked == 3


def test_a_writer_that_always_meets_another_one_gives_up(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.store.s3.S3Store.create_object.retry.sleep", lambda _: None)
    with answering(monkeypatch, (409, "ConditionalRequestConflict")), pytest.raises(StoreError, match="409"):
        open_store("s3://bucket").put(make_run())


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (500, "InternalError", "the server is failing or busy; try again later"),
        (503, "SlowDown", "the server is failing or busy; try again later"),
        (400, "ExpiredToken", "the credentials have expired"),
        (400, "AuthorizationHeaderMalformed", "the bucket is in another region; name it in AWS_DEFAULT_REGION"),
        (403, "AccessDenied", "no permission for PutObject"),
        (501, "NotImplemented", "If-None-Match"),
        (400, "Some\x07thing\n new", "PutObject was refused"),
        (400, "", "PutObject was refused"),
    ],
)
def test_every_answer_becomes_one_line_without_the_servers_own_words(
    s3: Any, monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = open_store("s3://bucket")
    with answering(monkeypatch, (status, code)), pytest.raises(StoreError) as error:
        store.put(make_run())
    one_line_without_a_secret(error.value, store, said)
    assert str(error.value).isprintable()


def test_a_server_that_never_answers_is_given_up(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("bench.store.s3_client._READ", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        with pytest.raises(StoreError, match=f"127.0.0.1:{port}"):
            open_store("s3://bucket").put(make_run())
