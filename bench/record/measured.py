"""A run's record out of what was measured of a program, as plain content, and of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.record.run import Device, Environment, Run, Series
from bench.sealed import new_id

# What the measurement and the record call alike.
_ALIKE = (
    "program",
    "seed",
    "target",
    "anchor",
    "status",
    "reason",
    "message",
    "ended",
    "cleanup",
    "phases",
    "evaluations",
    "progress",
    "resumed_from",
    "warnings",
)


def run_of(
    measurement: Mapping[str, Any],
    *,
    series: Series,
    lease_id: str | None,
    device: Device,
    environment: Environment,
    energy_joules: float | None = None,
    warnings: tuple[str, ...] = (),
) -> Run:
    """The record of the run that bench.programs.measurement describes. Raises ValidationError where it does not fit."""
    content = {name: measurement[name] for name in _ALIKE}
    progress, resumed_from = measurement["progress"], measurement["resumed_from"]
    counts_steps = progress is not None and progress.get("unit", "step") == "step"
    return Run.model_validate(
        content
        | {
            "id": new_id(),
            "series": series,
            "lease_id": lease_id,
            "cold": True,
            "steps": progress["last_step"] - (resumed_from or 0) if counts_steps else None,
            "images": None,
            "device": device,
            "environment": environment,
            "energy_joules": energy_joules,
            "warnings": (*measurement["warnings"], *warnings),
        }
    )
