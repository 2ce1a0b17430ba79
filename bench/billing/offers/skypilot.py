"""SkyPilot's catalogue, where SkyPilot is installed: a price of each GPU machine of each cloud it knows.

It is asked in a process of its own (`skypilot_child`), which takes its seconds of imports and its downloads with
it when time is up; clouds that had answered by then count.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.billing.offers.query import Answer, Failure, Query, known, parse
from bench.billing.prices import Offer
from bench.errors import BenchError
from bench.record.documents import Accelerators


def installed() -> bool:
    """Whether the package is there. A folder called sky that holds no Python is none."""
    spec = importlib.util.find_spec("sky")
    return spec is not None and spec.origin is not None


def ask(query: Query, until: float) -> Answer:
    """The price of each machine in its cheapest region, or in the one asked for. A cloud may fail by itself."""
    words = {"cloud": query.cloud and query.cloud.casefold(), "model": parse(query.gpu).model if query.gpu else None}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "bench.billing.offers.skypilot_child", json.dumps(words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"},
    )
    try:
        out, errors = child.communicate(timeout=max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        child.kill()
        out, errors = child.communicate()
    said = [json.loads(line, parse_float=Decimal) for line in out.splitlines()]
    if not said:
        if child.returncode < 0:
            raise BenchError("its catalogue could not be loaded in time")
        last = errors.strip().splitlines()[-1:]
        raise BenchError(f"its catalogue could not be loaded: {''.join(last)}")
    return Answer(list(_cheapest(_offers(said[1:], query), query)), list(_failures(said)))


def _offers(said: Iterable[dict[str, Any]], query: Query) -> Iterator[Offer]:
    for answer in said:
        for row in answer.get("rows", ()):
            gpus = Decimal(row["count"])
            if gpus >= 1 and gpus % 1 == 0:  # a share of a GPU is no machine to compare
                seen = datetime.fromtimestamp(float(answer["seen"]), UTC)
                price = row["spot_price"] if query.spot else row["price"]
                yield Offer(
                    provider=answer["cloud"],
                    instance_type=row["instance_type"],
                    accelerators=Accelerators(name=row["gpu"], count=int(gpus)),
                    region=row["region"],
                    category=query.category,
                    amount=known(None if price is None else Decimal(price)),
                    currency="USD",
                    source="SkyPilot catalogue",
                    seen=seen.date(),
                    seen_at=seen,
                )


def _cheapest(offers: Iterable[Offer], query: Query) -> Iterator[Offer]:
    """One region of each machine: the catalogue has dozens."""
    found: dict[tuple[str, str], Offer] = {}
    for offer in sorted(filter(query.admits, offers), key=lambda q: (q.hourly is None, q.hourly or 0, q.region or "")):
        found.setdefault((offer.provider, offer.instance_type), offer)
    yield from found.values()


def _failures(said: list[dict[str, Any]]) -> Iterator[Failure]:
    """One line for all clouds that failed in the same way: without a network it is every one."""
    answered = {answer["cloud"]: answer.get("error") for answer in said[1:]}
    alike: dict[str, list[tuple[str, str]]] = {}
    for cloud in said[0]["clouds"]:
        why = answered.get(cloud, "did not answer in time")
        if why is not None:
            alike.setdefault(why.partition(":")[0], []).append((cloud, why))
    for failed in alike.values():
        yield Failure(f"skypilot ({', '.join(cloud for cloud, _ in failed)})", failed[0][1])
