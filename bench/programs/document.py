"""The record of a run, as the machine that ran it can write it: the measurement, the machine, and the series."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from bench import __version__
from bench.programs.host import Gpu, cores, cpu_name, gpu_ids, host_id, visible_gpus
from bench.programs.job import Node, node_of
from bench.sealed import new_id, record_line, seal

_SCHEMA_VERSION = 3
# What is measured and is no field of a record.
_NOT_RECORDED = ("exit_code", "killed_by", "interrupted")


def machine_of(environ: Mapping[str, str]) -> dict[str, Any]:
    """The device, the environment and the machine of all runs; asked before the first, for a GPU may fail in it."""
    gpus = visible_gpus(environ)
    return {
        **hardware_of(gpus, cores(), node_of(environ), environ),
        "environment": {
            "bench": __version__,
            "python": platform.python_version(),
            "os": f"{platform.system()} {platform.release()}",
            "cpu": cpu_name(),
            "cores": cores(),
            "gpu": gpus[0].name if gpus else None,
            "driver": gpus[0].driver if gpus else None,
        },
    }


def hardware_of(gpus: Sequence[Gpu], processors: int, node: Node | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """The device and the machine of a record, of the GPUs that a program sees, or else of so many processors.

    Several nodes are taken to be alike: their devices are counted together.
    """
    return {
        "device": {
            "kind": "cuda" if gpus else "cpu",
            "name": gpus[0].name if gpus else cpu_name(),
            "count": (len(gpus) or processors) * (node.number if node else 1),
            "convolution": None,
        },
        "machine": {"host": host_id(environ), "gpus": gpu_ids(gpu.uuid for gpu in gpus)},
    }


def measured_fields(measurement: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run's record that follow from what was measured, whoever writes the record; a new id."""
    progress, resumed_from = measurement["progress"], measurement["resumed_from"]
    counts_steps = progress is not None and progress.get("unit", "step") == "step"
    return {
        **{name: value for name, value in measurement.items() if name not in _NOT_RECORDED},
        "id": new_id(),
        "cold": True,
        "steps": progress["last_step"] - (resumed_from or 0) if counts_steps else None,
        "images": None,
    }


def run_document(
    measurement: Mapping[str, Any], machine: Mapping[str, Any], series: Mapping[str, Any], lease_id: str | None
) -> dict[str, Any]:
    """The content of the run's record: `machine` as machine_of has it, `series` is {id, index, planned}."""
    return {
        **measured_fields(measurement),
        **machine,
        "schema_version": _SCHEMA_VERSION,
        "kind": "run",
        "series": dict(series),
        "lease_id": lease_id,
    }


def line_of(document: Mapping[str, Any]) -> str:
    """The record as a line of the job's log, which `bench collect` reads."""
    milliseconds = int(document["id"].replace("-", "")[:12], 16)
    day = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return record_line(seal(dict(document)), f"v1/runs/{day:%Y/%m/%d}/{document['id']}.json")
