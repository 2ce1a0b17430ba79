"""SkyPilot's catalogue, if SkyPilot is installed: a price for each GPU machine of each cloud that it knows.

It is asked in a process of its own, `python -m bench.billing.offers.skypilot '{"model": "H100"}'`, which takes its
seconds of imports and its downloads with it when time is up; clouds that had answered by then count. The process prints
a line of JSON for each cloud, and before them one that lists the clouds.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from bench.billing.offers.query import Answer, Failure, Query, in_short, known, parse
from bench.billing.prices import Offer
from bench.errors import BenchError
from bench.record.documents import Accelerators


def installed() -> bool:
    """Whether the package is there. A folder called sky that holds no Python is none."""
    spec = importlib.util.find_spec("sky")
    return spec is not None and spec.origin is not None


def run_child(module: str, words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """`module`, which imports SkyPilot, run with `words` as a process of its own.

    When `seconds` are over it is killed; what it has printed by then counts. Raises OSError.
    """
    command = [sys.executable, "-P", "-m", module, words]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"},
    )
    try:
        out, errors = child.communicate(timeout=max(seconds, 0))
    except subprocess.TimeoutExpired:
        child.kill()
        out, errors = child.communicate()
    return subprocess.CompletedProcess(command, child.returncode, out, errors)


@contextmanager
def answer_stream() -> Iterator[TextIO]:
    """Where such a process answers: SkyPilot prints to stdout as well, which becomes stderr."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def ask(query: Query, until: float) -> Answer:
    """The price of each machine in its cheapest region, or in the one asked for. A cloud may fail by itself."""
    words = {"cloud": query.cloud and query.cloud.casefold(), "model": parse(query.gpu).model if query.gpu else None}
    child = run_child(__name__, json.dumps(words), until - time.monotonic())
    said = [json.loads(line, parse_float=Decimal) for line in child.stdout.splitlines()]
    if not said:
        if child.returncode < 0:
            raise BenchError("its catalogue did not load in time")
        last = child.stderr.strip().splitlines()[-1:]
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
    for offer in sorted(filter(query.accepts, offers), key=lambda q: (q.hourly is None, q.hourly or 0, q.region or "")):
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


# What follows is the process that is asked. Machines that one has already: no catalogue prices them.
_OWN = {"kubernetes", "ssh", "slurm", "vsphere"}


def main(words: dict[str, str | None], out: TextIO) -> None:
    """Print the machines with a GPU of the model (None: any) of one cloud (None: all)."""
    from sky.catalog import list_accelerators
    from sky.catalog.common import get_catalog_path
    from sky.skylet.constants import ALL_CLOUDS

    asked = words["cloud"]
    clouds = [cloud for cloud in ALL_CLOUDS if cloud not in _OWN and asked in (None, cloud)]
    model = re.escape(words["model"]) if words["model"] else None

    def look_up(cloud: str) -> dict[str, Any]:
        try:
            found = list_accelerators(name_filter=model, clouds=cloud, case_sensitive=False, all_regions=True)
        except Exception as error:  # whatever breaks one cloud's catalogue, the others go on
            return {"cloud": cloud, "error": in_short(error)}
        rows = [_row(info) for infos in found.values() for info in infos if isinstance(info.instance_type, str)]
        path = Path(get_catalog_path(f"{cloud}/vms.csv"))
        seen = path.stat().st_mtime if path.exists() else time.time()
        return {"cloud": cloud, "seen": seen, "rows": rows}

    print(json.dumps({"clouds": clouds}), file=out, flush=True)
    if clouds:
        with ThreadPoolExecutor(len(clouds)) as pool:
            for answer in as_completed(pool.submit(look_up, cloud) for cloud in clouds):
                print(json.dumps(answer.result()), file=out, flush=True)


def _row(info: Any) -> dict[str, Any]:
    return {
        "instance_type": info.instance_type,
        "gpu": info.accelerator_name,
        "count": str(float(info.accelerator_count)),
        "price": _text(info.price),
        "spot_price": _text(info.spot_price),
        "region": info.region,
    }


def _text(price: float) -> str | None:
    """As printed, the way the catalogue has it; a double would bring digits of its own."""
    return None if price is None or math.isnan(price) else str(float(price))


if __name__ == "__main__":
    with answer_stream() as answers:
        main(json.loads(sys.argv[1]), answers)
