"""A small store for reports: leases at three prices, runs with times and accuracies computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from bench.record.documents import (
    ONCE,
    Device,
    Evaluation,
    LeaseOpened,
    Phase,
    Price,
    RecipeRef,
    Run,
    Series,
)
from tests.support import builders

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def an_id(number: int) -> str:
    """A UUIDv7 that is the same every time; they sort by `number`."""
    return f"019ab000-0000-7000-8000-{number:012x}"


def a_lease(number: int, amount: str | None = "3.06", **changes: Any) -> LeaseOpened:
    """aws:p3.2xlarge on demand, unless `changes` of the price or of the lease say otherwise."""
    price = {"currency": "USD", "source": "price list", "seen": date(2026, 11, 1), "amount": amount}
    for name in ("currency", "pricing_category", "source", "unit"):
        if name in changes:
            price[name] = changes.pop(name)
    fields = {"provider": "aws", "instance_type": "p3.2xlarge", "started": NOON, "id": an_id(number)}
    if amount is not None:
        fields["price"] = Price(**price)
    return LeaseOpened(**(fields | changes))


def a_run(number: int, seconds: float = 60.0, accuracy: float = 0.941, **changes: Any) -> Run:
    """Run `number`: `seconds` under the airbench clock: 1 of prepare, 2 of final_evaluate, the rest train."""
    phases = (
        Phase(name="warmup", start=0, stop=5),
        Phase(name="prepare", start=5, stop=6),
        Phase(name="train", start=6, stop=3 + seconds),
        Phase(name="final_evaluate", start=3 + seconds, stop=5 + seconds),
    )
    fields: dict[str, Any] = {
        "id": an_id(number),
        "recipe": RecipeRef(name="myrtle", source_sha256="0" * 64),
        "series": Series(id=an_id(1), index=0, planned=1),
        "anchor": NOON,
        "phases": phases,
        "evaluations": (Evaluation(epoch=24, metrics={"accuracy": accuracy}, at=5 + seconds, final=True),),
        "device": Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float16", path="graphs"),
        "images": 1_200_000,
    }
    return builders.make_run(**(fields | changes))


def a_series(
    first: int, seconds: Sequence[float], accuracies: Sequence[float] | None = None, **changes: Any
) -> list[Run]:
    """One run for each of `seconds`, all of one series and one process."""
    n = len(seconds)
    found = accuracies if accuracies is not None else [0.941] * n
    runs = [
        a_run(
            first + index,
            seconds[index],
            found[index],
            series=Series(id=an_id(first), index=index, planned=n),
            **changes,
        )
        for index in range(n)
    ]
    return [*map(first_of_process, runs[:1]), *runs[1:]]


def first_of_process(run: Run) -> Run:
    """`run` as the first of its process: 1 s each of setup, data and build, before all that it has already."""
    first = run.phases[0].start
    once = [Phase(name=name, start=first - 3 + k, stop=first - 2 + k) for k, name in enumerate(ONCE[:3])]
    return run.model_copy(update={"cold": True, "phases": (*once, *run.phases)})


def a_broken_run(number: int, **changes: Any) -> Run:
    """Failed for want of memory after 1 s of prepare and 9 s of train: 10 s under the airbench clock."""
    phases = (
        Phase(name="build", start=0, stop=5),
        Phase(name="prepare", start=5, stop=6),
        Phase(name="train", start=6, stop=15, synchronised=False),
    )
    fields = {"status": "failed", "reason": "OOM", "message": "no memory", "evaluations": (), "phases": phases}
    return a_run(number, **(fields | changes))


SPREAD = (60.0, 61.0, 62.0, 63.0, 64.0, 65.0, 66.0, 67.0, 68.0, 69.0, 70.0, 71.0)


def a_small_store() -> list[Any]:
    """Twelve runs on demand with one that broke, three on spot, one at an unknown price."""
    myrtle = RecipeRef(name="myrtle", source_sha256="0" * 64)
    other = Device(kind="cpu", name="Xeon", count=2, precision="float32", path="eager")
    found = [0.9380 + 0.0005 * index for index in range(len(SPREAD))]
    return [
        a_lease(1),
        a_lease(2, "0.918", pricing_category="Dynamic"),
        a_lease(3, None, provider="own", instance_type=None),
        *a_series(100, SPREAD, found, lease_id=an_id(1), recipe=myrtle),
        a_broken_run(200, lease_id=an_id(1)),
        *a_series(300, (60.0, 61.0, 65.0), lease_id=an_id(2)),
        a_run(400, 3600.0, 0.65, lease_id=an_id(3), device=other),
    ]
