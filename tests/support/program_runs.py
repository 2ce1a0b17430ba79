"""Records of programs: one computed by hand."""

from __future__ import annotations

from typing import Any

from bench.record.documents import Device, Evaluation, MetricTarget, Phase, Program, Run, StepProgress, StepSeconds
from tests.support.builders import make_run

PROGRAM = Program(name="gpt2", argv=("python", "train.py", "--seed", "{seed}"), command_sha256="a" * 64)
LOSS = MetricTarget(metric="val_loss", at_least=None, at_most=3.28)
# 100 steps in 50 s, the first of them 5 s after the start.
PROGRESS = StepProgress(
    source="json-lines",
    first_step=1,
    last_step=100,
    total_steps=1000,
    total_source="program",
    step_seconds=StepSeconds(p10=0.45, p50=0.5, p90=0.6, n=99),
    points=tuple((5 + step / 2, step) for step in range(1, 101)),
)


def losses(*values: float) -> tuple[Evaluation, ...]:
    """An evaluation each 10 s; the last is the final one."""
    return tuple(
        Evaluation(step=20 * number, metrics={"val_loss": value}, at=10.0 * number, final=number == len(values))
        for number, value in enumerate(values, 1)
    )


def make_program_run(**changes: Any) -> Run:
    """A program of 60 s that reaches its target at 20 s and marks no phases, with `changes` made to its fields."""
    fields: dict[str, Any] = {
        "recipe": None,
        "program": PROGRAM,
        "target": LOSS,
        "ended": "exited",
        "cleanup": "clean",
        "cold": True,
        "phases": (Phase(name="process", start=0, stop=60),),
        "evaluations": losses(4.0, 3.25, 3.2),
        "progress": PROGRESS,
        "steps": 100,
        "images": None,
        "device": Device(kind="cuda", name="Tesla V100", convolution=None),
    }
    return make_run(**(fields | changes))
