"""What this machine lacks for a command to work, and how to get it.

A probe looks at one thing and reports findings. None measures anything, and none leaves anything behind but what
every command leaves: an object in the bucket of an S3 store that shows that it takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bench.doctor import machine, services
from bench.doctor.finding import PURPOSES, Context, Finding, Purpose
from bench.tracking import tracked

__all__ = ["PROBES", "PURPOSES", "Context", "Finding", "Purpose", "findings"]

Probe = Callable[[Context], Iterator[Finding]]
PROBES: dict[str, Probe] = {
    "Python": machine.python,
    "training": machine.training,
    "data": services.data,
    "disk": machine.disk,
    "memory": machine.memory,
    "store": services.store,
    "spool": services.spool,
    "variables": machine.settings,
    "lease": machine.lease,
    "credentials": services.credentials,
    "SkyPilot": services.skypilot,
    "clock": machine.clock,
}


def findings(context: Context, probes: Mapping[str, Probe] = PROBES) -> Iterator[list[Finding]]:
    """The findings of each of `probes` in turn. One that breaks is a finding itself, and the others are asked too."""
    for name, probe in tracked(probes.items(), "checks", len(probes)):
        try:
            yield list(probe(context))
        except Exception as error:  # a doctor must not die of what it finds
            broken = f"could not be checked ({type(error).__name__}: {error})"
            yield [Finding(name, broken, "report this as a bug in bench, with the output of this command")]
