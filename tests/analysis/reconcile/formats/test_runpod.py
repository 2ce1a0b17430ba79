"""RunPod's billing by pod, from a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.reconcile.reconcile import from_runpod
from bench.errors import BenchError
from bench.store import FolderStore
from tests.support.leases import closed, opened

Answers = Callable[[Any, int], list[tuple[str, str | None]]]


@pytest.fixture
def runpod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """`runpod(answer, status)`: what it says from now on; the paths and keys that it is asked with."""
    said: dict[str, Any] = {}
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            body = said["answer"] if isinstance(said["answer"], bytes) else json.dumps(said["answer"]).encode()
            self.send_response(said["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("RUNPOD_API_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("RUNPOD_API_KEY", "secret")

    def answer(body: Any, status: int = 200) -> list[tuple[str, str | None]]:
        said.update(answer=body, status=status)
        return asked

    yield answer
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(str(tmp_path / "store"))
    for document in (opened(provider="runpod", resource_id="pod1"), closed()):
        store.put(document)
    return store


def record(pod: str = "pod1", hour: int = 12, **changes: Any) -> dict[str, Any]:
    times = {"startTime": f"2026-11-20T{hour}:00:00Z", "endTime": f"2026-11-20T{hour + 1}:00:00Z"}
    return {"podId": pod, **times, "totalAmount": 0.1921, "gpuAmount": 0.19, "diskAmount": 0.0021} | changes


def test_a_pods_hours_are_the_bill_of_its_lease(runpod: Answers, store: FolderStore) -> None:
    asked = runpod({"records": [record(), record("pod2", totalAmount=7)], "metadata": {}}, 200)
    result = from_runpod(None, store)
    (row,) = result.reconciliations
    assert (row.billed, row.bills[0].source, row.bills[0].effective_cost) == (Decimal("0.1921"), "runpod", None)
    assert (result.matched.unrelated, result.errors) == (1, [])
    ((path, key),) = asked
    assert (urlsplit(path).path, key) == ("/v2/billing/pods", "Bearer secret")
    query = parse_qs(urlsplit(path).query)
    assert (query["bucketSize"], query["startTime"]) == (["hour"], ["2026-11-20T11:00:00Z"])


def test_a_record_that_cannot_be_read_is_named_and_nothing_is_taken_for_0(runpod: Answers, store: FolderStore) -> None:
    runpod({"records": [record(), record(totalAmount=None), "x"]}, 200)
    result = from_runpod(date(2026, 11, 1), store)
    assert [str(error).partition(":")[0] for error in result.errors] == ["RunPod record 2", "RunPod record 3"]
    assert "row-unreadable" in result.reconciliations[0].partial


@pytest.mark.parametrize(
    ("answer", "status"), [({}, 401), ({}, 500), (b"<html>", 200), ({"amount": 1}, 200), ([1, "x"], 503)]
)
def test_an_answer_that_is_none_is_one_line_without_the_key(
    runpod: Answers, store: FolderStore, answer: Any, status: int
) -> None:
    runpod(answer, status)
    with pytest.raises(BenchError, match="RunPod") as caught:
        from_runpod(None, store)
    assert "secret" not in str(caught.value)


def test_without_a_key_nothing_is_asked(runpod: Answers, store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = runpod({}, 200)
    monkeypatch.delenv("RUNPOD_API_KEY")
    monkeypatch.setattr("analysis.reconcile.formats.runpod._CONFIG", Path("none"))
    with pytest.raises(BenchError, match="RUNPOD_API_KEY"):
        from_runpod(None, store)
    assert asked == []


def test_the_key_of_runpods_own_configuration_is_used(
    runpod: Answers, store: FolderStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = runpod({"records": []}, 200)
    monkeypatch.delenv("RUNPOD_API_KEY")
    (tmp_path / "config.toml").write_text('[default]\napi_key = "other"\n')
    monkeypatch.setattr("analysis.reconcile.formats.runpod._CONFIG", tmp_path / "config.toml")
    from_runpod(None, store)
    assert asked[0][1] == "Bearer other"


def test_a_store_without_a_lease_on_runpod_asks_nothing(runpod: Answers, tmp_path: Path) -> None:
    asked = runpod({}, 500)
    store = FolderStore(str(tmp_path / "empty"))
    store.check_writable()
    assert from_runpod(None, store).reconciliations == []
    assert asked == []
