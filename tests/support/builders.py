"""Documents for tests: one run computed by hand, and a strategy for any run. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

from hypothesis import strategies as st

from bench.record.documents import (
    Device,
    Environment,
    Evaluation,
    LeaseOpened,
    Phase,
    PhaseName,
    Reason,
    RecipeRef,
    Run,
    Series,
    Target,
    new_id,
)

T = TypeVar("T")

# Three epochs; 90 %, 94.5 % and 94.8 %, then 95 % with test-time augmentation. The target is 94 %.
PHASES = (
    Phase(name="warmup", start=0, stop=5),
    Phase(name="prepare", start=5, stop=6),
    Phase(name="train", start=6, stop=10, epoch=1),
    Phase(name="evaluate", start=10, stop=11, epoch=1),
    Phase(name="train", start=11, stop=15, epoch=2),
    Phase(name="evaluate", start=15, stop=16, epoch=2),
    Phase(name="train", start=16, stop=20, epoch=3),
    Phase(name="evaluate", start=20, stop=21, epoch=3),
    Phase(name="final_evaluate", start=21, stop=23, epoch=3),
)
EVALUATIONS = (
    Evaluation(epoch=1, metrics={"accuracy": 0.90}, at=11),
    Evaluation(epoch=2, metrics={"accuracy": 0.945}, at=16),
    Evaluation(epoch=3, metrics={"accuracy": 0.948}, at=21),
    Evaluation(epoch=3, metrics={"accuracy": 0.95}, views=6, at=23, final=True),
)


def make_run(**changes: Any) -> Run:
    """A completed run that hit its target, with a fresh id, and with `changes` made to its fields."""
    fields: dict[str, Any] = {
        "recipe": RecipeRef(name="myrtle", source_sha256="0" * 64),
        "seed": 7,
        "target": Target(at_least=0.94),
        "series": Series(id=new_id(), index=0, planned=1),
        "status": "completed",
        "anchor": datetime(2026, 11, 22, 12, 30, tzinfo=UTC),
        "phases": PHASES,
        "evaluations": EVALUATIONS,
        "device": Device(kind="cuda", name="Tesla V100", precision="float16", path="eager"),
        "environment": Environment(bench="0.1.0", python="3.11.7", os="Linux", cpu="Xeon", cores=8),
    }
    return Run(**(fields | changes))


def two_recipes(runs: int, other: str) -> Iterator[LeaseOpened | Run]:
    """A lease with `runs` of myrtle, and six runs of a recipe called `other`."""
    lease = LeaseOpened(provider="own", instance_type="big one", started=datetime(2026, 11, 22, tzinfo=UTC))
    yield lease
    for seed in range(runs):
        yield make_run(seed=seed, lease_id=lease.id)
    for seed in range(6):
        yield make_run(seed=seed, recipe=RecipeRef(name=other, source_sha256="1" * 64))


def ending(accuracy: float) -> tuple[Evaluation, ...]:
    """The usual evaluations, but for the last one, which finds `accuracy`."""
    return (*EVALUATIONS[:-1], EVALUATIONS[-1].model_copy(update={"metrics": {"accuracy": accuracy}}))


def present(value: T | None) -> T:
    """`value`, which is known where the test stands."""
    assert value is not None
    return value


_seconds = st.floats(-1e6, 1e6)
_shares = st.floats(0, 1)
_maybe_text = st.none() | st.text()


@st.composite
def _phases(draw: st.DrawFn) -> tuple[Phase, ...]:
    """Up to four phases, in order, with or without gaps."""
    edges = sorted(draw(st.lists(_seconds, max_size=8)))
    return tuple(
        Phase(
            name=draw(st.sampled_from(get_args(PhaseName))),
            start=start,
            stop=stop,
            epoch=draw(st.none() | st.floats(0, 1e4)),
            synchronised=draw(st.booleans()),
        )
        for start, stop in zip(edges[::2], edges[1::2], strict=False)
    )


@st.composite
def _evaluations(draw: st.DrawFn, *, after: float, final: bool) -> tuple[Evaluation, ...]:
    """Up to four evaluations in order, none before `after`, the last of them the final one where asked."""
    times = sorted(draw(st.lists(st.floats(after, 1e6), min_size=int(final), max_size=4)))
    return tuple(
        Evaluation(
            epoch=draw(st.floats(0, 1e4)),
            metrics={"accuracy": draw(_shares)},
            at=at,
            final=final and k == len(times) - 1,
        )
        for k, at in enumerate(times)
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Any run that the schema admits."""
    completed = draw(st.booleans())
    phases = draw(_phases())
    began = phases[0].start if phases else 0.0
    return make_run(
        recipe=RecipeRef(name=draw(st.text(min_size=1)), source_sha256="f" * 64),
        seed=draw(st.integers(0, 2**63 - 1)),
        status="completed" if completed else draw(st.sampled_from(["failed", "interrupted"])),
        reason=None if completed else draw(st.sampled_from(get_args(Reason))),
        message=draw(_maybe_text),
        anchor=draw(st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC))),
        phases=phases,
        cold=draw(st.booleans()),
        images=draw(st.integers(0, 10**9)),
        evaluations=draw(_evaluations(after=began, final=completed)),
        loss=draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        energy_joules=draw(st.none() | st.floats(0, 1e12)),
        warnings=tuple(draw(st.lists(st.text(), max_size=2))),
        environment=Environment(
            bench="0.1.0",
            python="3.11.7",
            os=draw(st.text()),
            cpu=draw(st.text()),
            cores=draw(st.integers(0, 1024)),
            gpu=draw(_maybe_text),
            git_dirty=draw(st.none() | st.booleans()),
        ),
    )
