"""Which machine this is: real HTTP to servers on the loopback that answer as the providers' do."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bench.lease.machine import find_machine, preempted
from bench.lease.metadata import Machine
from tests.support.metadata_server import EC2_NOTICE, Page, Serve, ec2_pages

EC2 = ec2_pages()
_GCE = "/computeMetadata/v1/instance"
GCE: dict[str, Page] = {
    f"{_GCE}/id": "4711",
    f"{_GCE}/zone": "projects/123/zones/us-central1-a",
    f"{_GCE}/machine-type": "projects/123/machineTypes/a2-highgpu-1g",
    f"{_GCE}/scheduling/preemptible": "FALSE",
}
_COMPUTE = "/metadata/instance/compute?api-version=2021-02-01&format=json"
_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
AZURE: dict[str, Page] = {
    _COMPUTE: json.dumps(
        {
            "vmId": "02aab8a4-74ef",
            "vmSize": "Standard_NC6s_v3",
            "location": "eastus",
            "zone": "1",
            "priority": "Spot",
            "name": "a-person",
            "subscriptionId": "secret",
            "osProfile": {"adminUsername": "a-person"},
        }
    ),
}


def ec2(url: str, **more: str) -> dict[str, str]:
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, **more}


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """A byte at a time, for ever: each read succeeds, and the answer never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"i")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def silence(_: BaseHTTPRequestHandler) -> None:
    """No answer, for longer than anyone waits."""
    time.sleep(2)


@pytest.fixture
def no_dmi(tmp_path: Path) -> Path:
    """A machine whose firmware says nothing."""
    return tmp_path


def test_ec2_tells_everything_and_each_question_carries_the_token(serve: Serve, no_dmi: Path) -> None:
    server = serve(EC2)
    assert find_machine(ec2(server.url), no_dmi) == Machine(
        "aws", "us-east-1", "us-east-1a", "p3.2xlarge", "i-0abc", datetime(2026, 11, 22, 12, tzinfo=UTC), spot=True
    )
    method, path, headers = server.asked[0]
    assert (method, path) == ("PUT", "/latest/api/token")
    assert headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
    assert all(headers["X-aws-ec2-metadata-token"] == "a-token" for _, _, headers in server.asked[1:])


def test_ec2_without_a_token_is_not_asked_further(serve: Serve, no_dmi: Path) -> None:
    server = serve(EC2 | {"/latest/api/token": (403, "no")})
    assert find_machine(ec2(server.url), no_dmi) is None
    assert len(server.asked) == 1


def test_ec2_without_an_identity_document_has_no_launch_time(serve: Serve, no_dmi: Path) -> None:
    pages = {path: body for path, body in EC2.items() if "identity" not in path}
    found = find_machine(ec2(serve(pages).url), no_dmi)
    assert found is not None
    assert (found.resource_id, found.launched) == ("i-0abc", None)


@pytest.mark.parametrize("document", ["", "[]", "{", '{"pendingTime": 7}', '{"pendingTime": "yesterday"}', "[" * 60000])
def test_a_garbled_identity_document_is_no_launch_time(serve: Serve, no_dmi: Path, document: str) -> None:
    found = find_machine(ec2(serve(EC2 | {"/latest/dynamic/instance-identity/document": document}).url), no_dmi)
    assert found is not None
    assert found.launched is None


@pytest.mark.parametrize("answer", ["<html>Sign in to this network</html>", "", "i-\x1b[31m", "x" * 100_000, "é"])
def test_an_identifier_that_is_none_is_not_believed(serve: Serve, no_dmi: Path, answer: str) -> None:
    assert find_machine(ec2(serve(EC2 | {"/latest/meta-data/instance-id": answer}).url), no_dmi) is None


def test_ec2_is_not_asked_where_the_user_forbids_it(serve: Serve, no_dmi: Path) -> None:
    server = serve(EC2)
    assert find_machine(ec2(server.url, AWS_EC2_METADATA_DISABLED="TRUE"), no_dmi) is None
    assert server.asked == []


def test_a_proxy_is_never_asked(serve: Serve, no_dmi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve({})
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, proxy.url)
    assert find_machine(ec2(serve(EC2).url), no_dmi) is not None
    assert proxy.asked == []


def test_a_redirect_is_not_followed(serve: Serve, no_dmi: Path) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{target.url}/latest/meta-data/instance-id")
        handler.end_headers()

    target = serve(EC2)
    server = serve(EC2 | {"/latest/meta-data/instance-id": elsewhere})
    assert find_machine(ec2(server.url), no_dmi) is None
    assert target.asked == []


@pytest.mark.parametrize("page", [silence, trickle])
def test_a_server_that_does_not_end_its_answer_is_left_within_a_second(serve: Serve, no_dmi: Path, page: Page) -> None:
    servers = [serve(EC2 | {"/latest/api/token": page}), serve({f"{_GCE}/id": page}), serve({_COMPUTE: page})]
    environ = ec2(servers[0].url, GCE_METADATA_HOST=servers[1].host, AZURE_METADATA_ENDPOINT=servers[2].url)
    began = time.monotonic()
    assert find_machine(environ, no_dmi) is None
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1", "127.0.0.1", "http://", "http://[", "http://127.0.0.1:x"])
def test_an_endpoint_that_is_none_finds_nothing(no_dmi: Path, endpoint: str) -> None:
    assert find_machine(ec2(endpoint), no_dmi) is None


def test_a_closed_port_finds_nothing(no_dmi: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert find_machine(ec2(f"http://127.0.0.1:{taken.getsockname()[1]}"), no_dmi) is None


def test_compute_engine_is_found_without_its_project(serve: Serve, no_dmi: Path) -> None:
    server = serve(GCE, Metadata_Flavor="Google")
    assert find_machine({"GCE_METADATA_HOST": server.host}, no_dmi) == Machine(
        "gcp", "us-central1", "us-central1-a", "a2-highgpu-1g", "4711", spot=False
    )
    assert all(headers["Metadata-Flavor"] == "Google" for _, _, headers in server.asked)


def test_a_server_that_does_not_sign_as_google_is_not_compute_engine(serve: Serve, no_dmi: Path) -> None:
    assert find_machine({"GCE_METADATA_HOST": serve(GCE).host}, no_dmi) is None


def test_azure_is_found_without_a_persons_name_in_it(serve: Serve, no_dmi: Path) -> None:
    server = serve(AZURE)
    found = find_machine({"AZURE_METADATA_ENDPOINT": server.url}, no_dmi)
    assert found == Machine("azure", "eastus", "1", "Standard_NC6s_v3", "02aab8a4-74ef", spot=True)
    assert server.asked[0][2]["Metadata"] == "true"


@pytest.mark.parametrize("body", ["", "null", "[]", '{"vmId": 7}', "{"])
def test_what_is_not_azures_answer_is_not_azure(serve: Serve, no_dmi: Path, body: str) -> None:
    assert find_machine({"AZURE_METADATA_ENDPOINT": serve({_COMPUTE: body}).url}, no_dmi) is None


def test_a_machine_that_nothing_names_asks_nobody(no_dmi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket, "create_connection", refuse)
    (no_dmi / "sys_vendor").write_text("LENOVO\n")
    assert find_machine({}, no_dmi) is None


@pytest.mark.parametrize(
    ("table", "words", "provider"),
    [
        ("sys_vendor", "Amazon EC2", "aws"),
        ("bios_version", "4.11.amazon", "aws"),
        ("product_name", "Google Compute Engine", "gcp"),
        ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"),
    ],
)
def test_the_firmware_says_whom_to_ask(
    serve: Serve, no_dmi: Path, monkeypatch: pytest.MonkeyPatch, table: str, words: str, provider: str
) -> None:
    server = serve(EC2 | GCE | AZURE, Metadata_Flavor="Google")
    monkeypatch.setattr("bench.lease.metadata.ADDRESS", server.url)
    (no_dmi / table).write_text(f"{words}\n")
    found = find_machine({}, no_dmi)
    assert found is not None
    assert found.provider == provider


def skypilot(cloud: str, **more: str) -> dict[str, str]:
    cluster = {"cluster_name": "sky-ab12-a-person", "cloud": cloud, "region": "us-west-2", "zone": None}
    return {"SKYPILOT_CLUSTER_INFO": json.dumps(cluster), **more}


def test_skypilot_says_where_it_is_without_any_server(no_dmi: Path) -> None:
    assert find_machine(skypilot("Lambda"), no_dmi) == Machine("lambda", "us-west-2")


@pytest.mark.parametrize("cloud", ["Kubernetes", "Slurm", "RunPod"])
def test_a_share_of_a_host_is_no_machine_that_boots(no_dmi: Path, cloud: str) -> None:
    found = find_machine(skypilot(cloud), no_dmi)
    assert found is not None
    assert found.container


def test_skypilot_and_ec2_complete_each_other(serve: Serve, no_dmi: Path) -> None:
    pages = {path: body for path, body in EC2.items() if "region" not in path}
    found = find_machine(skypilot("AWS", **ec2(serve(pages).url)), no_dmi)
    assert found is not None
    assert (found.region, found.zone, found.resource_id) == ("us-west-2", "us-east-1a", "i-0abc")


def test_skypilots_word_stands_where_the_server_is_silent(serve: Serve, no_dmi: Path) -> None:
    assert find_machine(skypilot("AWS", **ec2(serve({}).url)), no_dmi) == Machine("aws", "us-west-2")


@pytest.mark.parametrize("said", ["", "{", "[]", '{"cloud": null}', '{"cloud": "a b"}'])
def test_a_garbled_word_of_skypilots_is_none(no_dmi: Path, said: str) -> None:
    assert find_machine({"SKYPILOT_CLUSTER_INFO": said}, no_dmi) is None


def test_a_notice_of_ec2_is_a_pre_emption(serve: Serve, no_dmi: Path) -> None:
    assert preempted(ec2(serve(EC2 | EC2_NOTICE).url), no_dmi)
    assert not preempted(ec2(serve(EC2).url), no_dmi)


@pytest.mark.parametrize(("said", "taken"), [("TRUE", True), ("FALSE", False)])
def test_compute_engine_says_whether_it_pre_empts(serve: Serve, no_dmi: Path, said: str, taken: bool) -> None:
    server = serve(GCE | {f"{_GCE}/preempted": said}, Metadata_Flavor="Google")
    assert preempted({"GCE_METADATA_HOST": server.host}, no_dmi) is taken


@pytest.mark.parametrize(
    ("events", "taken"),
    [([{"EventType": "Preempt"}], True), ([{"EventType": "Reboot"}], False), ([], False), ("x", False), ([7], False)],
)
def test_azure_announces_an_eviction(serve: Serve, no_dmi: Path, events: object, taken: bool) -> None:
    server = serve({_EVENTS: json.dumps({"Events": events})})
    assert preempted({"AZURE_METADATA_ENDPOINT": server.url}, no_dmi) is taken


def test_nobody_pre_empts_ones_own_machine(no_dmi: Path) -> None:
    assert not preempted({}, no_dmi)
