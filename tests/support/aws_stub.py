"""As much of EC2 and of AWS's Price List API as prices need, on loopback. Reached by AWS_ENDPOINT_URL_*."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

V100, A100_80 = ("V100", 16_384), ("A100", 81_920)


@dataclass
class Aws:
    """What the account sees. Prices are text, as AWS gives them."""

    machines: list[list[tuple[str, tuple[str, int] | None, int]]] = field(
        default_factory=lambda: [
            [("p3.2xlarge", V100, 1), ("g9.metal", None, 0)],
            [("p4de.24xlarge", A100_80, 8), ("p3.16xlarge", V100, 8)],
        ]
    )
    spot: list[tuple[str, str, str]] = field(
        default_factory=lambda: [
            ("p3.2xlarge", "us-east-1a", "0.560000"),
            ("p3.2xlarge", "us-east-1b", "0.480000"),
            ("p4de.24xlarge", "us-east-1a", "0.000000"),
        ]
    )
    listed: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "p3.2xlarge": {"USD": "3.0600000000"},
            "p3.16xlarge": {"USD": "0.0000000000"},
            "inf9.xlarge": {"USD": "1.0000000000"},
        }
    )
    refuse: set[str] = field(default_factory=set)  # actions that answer with AccessDenied
    hang: threading.Event | None = None  # answers wait for it
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def serve(aws: Aws) -> Iterator[dict[str, str]]:
    """Serve it; gives the environment in which boto3 finds it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"aws": aws}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {
            "AWS_ENDPOINT_URL_EC2": url,
            "AWS_ENDPOINT_URL_PRICING": url,
            "AWS_ACCESS_KEY_ID": "AKIAPRICES",
            "AWS_SECRET_ACCESS_KEY": "planted-secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        if aws.hang:
            aws.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        target = self.headers.get("X-Amz-Target", "")
        words = json.loads(body) if target else {key: values[0] for key, values in parse_qs(body).items()}
        action = target.rpartition(".")[2] or words["Action"]
        self.aws.asked.append((action, words))
        if self.aws.hang:
            self.aws.hang.wait()
        if action in self.aws.refuse:
            error = "<Error><Code>UnauthorizedOperation</Code><Message>not allowed</Message></Error>"
            self._answer(403, f"<Response><Errors>{error}</Errors></Response>")
        else:
            self._answer(200, _ACTIONS[action](self, words))

    def instance_types(self, words: dict[str, str]) -> str:
        page = int(words.get("NextToken", 0))
        items = "".join(
            f"<item><instanceType>{name}</instanceType>"
            + (
                f"<gpuInfo><gpus><item><name>{gpu[0]}</name><count>{count}</count><memoryInfo><sizeInMiB>{gpu[1]}"
                "</sizeInMiB></memoryInfo></item></gpus></gpuInfo>"
                if gpu
                else ""
            )
            + "</item>"
            for name, gpu, count in self.aws.machines[page]
        )
        more = f"<nextToken>{page + 1}</nextToken>" if page + 1 < len(self.aws.machines) else ""
        return f"<R><instanceTypeSet>{items}</instanceTypeSet>{more}</R>"

    def spot_prices(self, words: dict[str, str]) -> str:
        wanted = {value for key, value in words.items() if key.startswith("InstanceType.")}
        items = "".join(
            f"<item><instanceType>{name}</instanceType><availabilityZone>{zone}</availabilityZone>"
            f"<productDescription>Linux/UNIX</productDescription><spotPrice>{price}</spotPrice>"
            "<timestamp>2026-11-22T10:00:00Z</timestamp></item>"
            for name, zone, price in self.aws.spot
            if name in wanted
        )
        return f"<R><spotPriceHistorySet>{items}</spotPriceHistorySet></R>"

    def products(self, words: dict[str, Any]) -> str:
        """A page for each product."""
        at = int(words.get("NextToken", 0))
        name, price = list(self.aws.listed.items())[at]
        dimensions = {"d": {"unit": "Hrs", "pricePerUnit": price}}
        terms = {"OnDemand": {"t": {"priceDimensions": dimensions}}}
        product = {"product": {"attributes": {"instanceType": name}}, "terms": terms}
        more = {"NextToken": str(at + 1)} if at + 1 < len(self.aws.listed) else {}
        return json.dumps({"PriceList": [json.dumps(product)], **more})

    def _answer(self, status: int, body: str) -> None:
        with suppress(ConnectionError):  # whoever asked may have given up
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        pass


_ACTIONS: dict[str, Callable[[_Handler, dict[str, Any]], str]] = {
    "DescribeInstanceTypes": _Handler.instance_types,
    "DescribeSpotPriceHistory": _Handler.spot_prices,
    "GetProducts": _Handler.products,
}
