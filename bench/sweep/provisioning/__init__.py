"""Rented machines, and why they fail.

Other packages import from here; SkyPilot, which rents them, is a module of its own.
"""

from __future__ import annotations

from bench.sweep.provisioning.failure import (
    NOT_PROVISIONED,
    Failure,
    MachineEnd,
    error_line,
    failure_of_error,
    failure_of_job,
    machine_end,
    plain,
)
from bench.sweep.provisioning.provisioner import (
    OWN_CLUSTERS,
    ClusterStatus,
    ForeignMachineError,
    Instance,
    Job,
    LaunchRequest,
    Provisioner,
    StandingJobs,
    Uptime,
    is_foreign,
    refuse_foreign,
    store_of,
    sweep_labels,
    sweep_of,
)

__all__ = [
    "NOT_PROVISIONED",
    "OWN_CLUSTERS",
    "ClusterStatus",
    "Failure",
    "ForeignMachineError",
    "Instance",
    "Job",
    "LaunchRequest",
    "MachineEnd",
    "Provisioner",
    "StandingJobs",
    "Uptime",
    "error_line",
    "failure_of_error",
    "failure_of_job",
    "is_foreign",
    "machine_end",
    "plain",
    "refuse_foreign",
    "store_of",
    "sweep_labels",
    "sweep_of",
]
