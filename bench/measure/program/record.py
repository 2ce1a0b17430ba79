"""A run's record out of what was measured of a program, as plain content, and of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bench.programs.document import measured_fields
from bench.record.documents import Device, Environment, Machine, Run, Series


def run_of(
    measurement: Mapping[str, Any],
    *,
    series: Series,
    lease_id: str | None,
    device: Device,
    environment: Environment,
    machine: Machine | None = None,
    energy_joules: float | None = None,
    warnings: tuple[str, ...] = (),
) -> Run:
    """The record of the run that bench.programs.measurement describes.

    What of the progress does not fit the schema is left out, with a warning: the time and the money that a run took are
    never lost for it.
    """
    content = measured_fields(measurement) | {
        "series": series,
        "lease_id": lease_id,
        "device": device,
        "environment": environment,
        "machine": machine,
        "energy_joules": energy_joules,
        "warnings": (*measurement["warnings"], *warnings),
    }
    try:
        return Run.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:2])
        return Run.model_validate(_bare(content, f"what was read as progress did not fit the record at {where}"))


def _bare(content: Mapping[str, Any], warning: str) -> dict[str, Any]:
    """The content without what was read of the program's output; the process itself stays."""
    phases = content["phases"]
    whole = [{"name": "process", "start": phases[0]["start"], "stop": phases[-1]["stop"]}] if phases else []
    missing = {"progress": None, "evaluations": (), "resumed_from": None, "steps": None, "phases": whole}
    return {**content, **missing, "warnings": (*content["warnings"], warning)}
