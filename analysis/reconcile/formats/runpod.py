"""Charges from RunPod's billing by pod, an hour at a time; RunPod has no export, and puts no tags on its pods.

https://docs.runpod.io/api-reference-v2/billing/get-pod-billing-history, read 2026-11-25. The key is RUNPOD_API_KEY,
or that of `runpod config`; RUNPOD_API_BASE_URL names another server, as for RunPod's own Python package.
"""

from __future__ import annotations

import json
import os
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.charge import ChargeRow, Preview, Row, RowError, resource_of
from bench.errors import BenchError
from bench.record.documents import BillSource

_SERVER = "https://api.runpod.io"
_CONFIG = Path("~/.runpod/config.toml")
_SECONDS = 60  # an answer of a year's hours takes a while


@dataclass(frozen=True)
class RunPod:
    """Records of RunPod's answer, one a pod and hour."""

    source: BillSource = "runpod"
    title: str = "RunPod"
    required: tuple[tuple[str, ...], ...] = (("podId",), ("startTime",), ("endTime",), ("totalAmount",))
    optional: tuple[str, ...] = ()
    identity: tuple[tuple[str, ...], ...] = ()  # it is asked once, not exported again

    def preview(self, cells: read.Cells) -> Preview:
        """By the pod."""
        until = read.shown_until(cells.get("starttime"), cells.get("endtime"))
        period = str(cells.get("starttime"))[:7]
        return Preview(None, resource_of(cells.get("podid")), period, "runpod", until=until)

    def charge(self, cells: read.Cells) -> ChargeRow:
        """Raises ValueError, naming the field, for what it cannot hold."""
        hour = read.charge_period(cells, "startTime", "endTime")
        return ChargeRow(
            resource_id=resource_of(cells.get("podid")),
            currency="USD",  # RunPod bills in no other
            billing_period=read.month_of(hour[0]),
            charge_period=hour,
            category="Usage",
            description="pod",
            billed_cost=read.required(cells, "totalAmount", read.number),
            cost_column="totalAmount",
        )


def hourly_charges(since: datetime, until: datetime) -> Iterator[Row]:
    """The charges of all pods in these hours. Raises BenchError where RunPod does not answer."""
    form = RunPod()
    answer = _ask(since, until)
    records = answer.get("records") if isinstance(answer, dict) else answer
    if not isinstance(records, list):
        raise BenchError("RunPod's answer holds no `records`; its API may have changed")
    for number, record in enumerate(records, 1):
        where = f"RunPod record {number}"
        if isinstance(record, dict):
            yield Row(where, form, {read.column(name): cell for name, cell in record.items()})
        else:
            yield Row(where, form, RowError(f"{where}: is no record; it is not counted"))


def _ask(since: datetime, until: datetime) -> Any:
    server = os.environ.get("RUNPOD_API_BASE_URL", _SERVER).rstrip("/")
    hours = {"bucketSize": "hour", "startTime": f"{since:%Y-%m-%dT%H:00:00Z}", "endTime": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    request = urllib.request.Request(
        f"{server}/v2/billing/pods?{urlencode(hours)}", headers={"Authorization": f"Bearer {_key()}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise BenchError(
                f"RunPod refused the key (HTTP {error.code}); check RUNPOD_API_KEY and its rights"
            ) from None
        raise BenchError(f"RunPod refused the request (HTTP {error.code}); try again later") from None
    except (OSError, HTTPException) as error:
        raise BenchError(f"RunPod cannot be asked ({type(error).__name__}); check the network") from None
    except ValueError:
        raise BenchError("RunPod's answer is no JSON; try again later") from None


def _key() -> str:
    key = os.environ.get("RUNPOD_API_KEY", "").strip()
    if key:
        return key
    try:
        found = tomllib.loads(_CONFIG.expanduser().read_text(encoding="utf-8"))["default"]["api_key"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        raise BenchError("there is no key for RunPod; set RUNPOD_API_KEY, or make one with `runpod config`")
    return found
