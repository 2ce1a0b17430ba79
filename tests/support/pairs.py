"""Two recipes to compare, made for tests: runs with times and accuracies by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analysis.comparison.compare import Comparison, Finding, Metric, compare, select
from analysis.frames.runs import runs_frame
from bench.record.documents import AnyDocument, Device, Machine, RecipeRef, Run, Series
from tests.support import small_store as a

SLOW = [20.0 + k % 5 / 10 for k in range(12)]
XEON = Device(kind="cpu", name="Xeon", count=2, precision="float32", path="eager")


def named(name: str) -> RecipeRef:
    """A recipe of that name."""
    return RecipeRef(name=name, source_sha256="0" * 64)


def series(
    name: str,
    first: int,
    seconds: Sequence[float],
    accuracies: Sequence[float] | None = None,
    shared: int | None = None,
    **changes: Any,
) -> list[Run]:
    """A series of `name`, its seeds counted up; `shared` is the series that it is interleaved in."""
    runs = a.a_series(first, seconds, accuracies, recipe=named(name), **changes)
    moved = Series(id=a.an_id(shared or first), index=0, planned=len(runs))
    return [
        run.model_copy(update={"seed": k, "series": moved.model_copy(update={"index": k})})
        for k, run in enumerate(runs)
    ]


def compared(
    documents: Iterable[AnyDocument], name_a: str = "fast", name_b: str = "slow", **options: Any
) -> Comparison:
    """The comparison of the two."""
    frame = runs_frame(documents)
    return compare(select(frame, name_a, "here"), select(frame, name_b, "here"), **options)


def finding(comparison: Comparison, metric: Metric) -> Finding:
    """What the comparison finds in one metric."""
    return next(finding for finding in comparison.findings if finding.metric == metric)


def a_pair(n: int = 12, drift: float = 0.0, factor: float = 2.0, **changes: Any) -> list[Run]:
    """`fast` and `slow`, interleaved on a machine that gets slower by `drift` s a round."""
    seconds = [20.0 + drift * k + k % 5 / 10 for k in range(n)]
    slower_ones = [factor * value + k % 3 / 10 for k, value in enumerate(seconds)]
    return [*series("fast", 100, seconds, **changes), *series("slow", 200, slower_ones, shared=100, **changes)]


# Hosts of a type differ by more than the 1 % between the two recipes.
OFFSETS = (0.0, 2.0, -1.5, 0.7, -2.2)


def on(hosts: int, recipe: str, first: int, factor: float, *, other: int = 0, apart: int = 0) -> list[Run]:
    """Eight runs of the recipe on each of so many hosts, numbered from `other`; a series a host, from `apart`."""
    return [
        a.a_run(
            first + 8 * host + k,
            factor * (60 + OFFSETS[host] + k % 3 / 100),
            recipe=named(recipe),
            seed=k,
            series=Series(id=a.an_id(900 + apart + host), index=k, planned=8),
            machine=Machine(host=f"{other + host:016x}"),
        )
        for host in range(hosts)
        for k in range(8)
    ]
