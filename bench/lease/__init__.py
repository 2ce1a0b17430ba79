"""The lease of the machine this runs on: which machine, paid for since when, at what price."""

from __future__ import annotations

from bench.lease.lease import LeaseHandle, acquire_lease, close_lease, launch_of, series_of
from bench.lease.machine import MachineOptions, describe, find_machine, lease_by_options, lease_start, preempted

__all__ = [
    "LeaseHandle",
    "MachineOptions",
    "acquire_lease",
    "close_lease",
    "describe",
    "find_machine",
    "launch_of",
    "lease_by_options",
    "lease_start",
    "preempted",
    "series_of",
]
