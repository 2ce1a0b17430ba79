"""Plans of one small sweep against offers and records made up for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.billing.offers.query import Answer, Failure, Query
from bench.billing.prices import Offer
from bench.record.documents import Accelerators
from bench.sweep.planning.duration import History
from bench.sweep.planning.plan import Plan, plan_sweep
from bench.sweep.spec import Sweep

WORDS = {"name": "s", "recipes": ["myrtle"], "runs": 5, "machines": ["m"]}
WriteTask = Callable[..., Path]
T4 = {"gpu": "T4", "instance_type": "g4dn.xlarge"}
V100 = {"accelerators": "V100:1", "infra": "aws"}


def offer(hourly: str | None = "3.06", **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "provider": "aws",
        "instance_type": "p3.2xlarge",
        "accelerators": Accelerators(name=changes.pop("gpu", "V100"), count=changes.pop("gpus", 1)),
        "region": None,
        "category": "Standard",
        "amount": None if hourly is None else Decimal(hourly),
        "currency": "USD",
        "source": "test",
        "seen": date(2026, 11, 1),
    }
    return Offer(**(fields | changes))


def planned(*offers: Offer, history: History | None = None, **words: object) -> Plan:
    def ask(query: Query) -> Answer:
        return Answer([each for each in offers if query.accepts(each)], [Failure("gone", "no answer")])

    return plan_sweep(Sweep.model_validate(WORDS | words), history or History(), ask)


def only(found: Plan) -> Any:
    """The one cell. Any: its parts are None where unknown, and a test that looks into one fails there."""
    (cell,) = found.cells
    return cell


def tried(hits: int, runs: int, gpu: str = "V100") -> History:
    """So many runs of myrtle, of 36 s each."""
    row = {
        "recipe": "myrtle",
        "dataset": "cifar10",
        "target": 0.94,
        "device_kind": "cuda",
        "device": gpu,
        "device_count": 1,
        "airbench_s": 36.0,
        "cold_s": None,
    }
    return History([row | {"hit": index < hits} for index in range(runs)])
