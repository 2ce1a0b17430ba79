"""All probes, in the order in which they are shown, and their findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bench.doctor.computing import training
from bench.doctor.finding import Asked, Finding
from bench.doctor.machine import clock, disk, memory, python, settings
from bench.doctor.services import credentials, data, skypilot, spool, store
from bench.tracking import tracked

Probe = Callable[[Asked], Iterator[Finding]]
PROBES: dict[str, Probe] = {
    "Python": python,
    "training": training,
    "data": data,
    "disk": disk,
    "memory": memory,
    "store": store,
    "spool": spool,
    "variables": settings,
    "credentials": credentials,
    "SkyPilot": skypilot,
    "clock": clock,
}


def findings(asked: Asked, probes: Mapping[str, Probe] = PROBES) -> Iterator[list[Finding]]:
    """The findings of each of `probes` in turn. One that breaks is a finding itself, and the others are asked too."""
    for name, probe in tracked(probes.items(), "checks", len(probes)):
        try:
            yield list(probe(asked))
        except Exception as error:  # a doctor must not die of what it finds
            broken = f"could not be looked at ({type(error).__name__}: {error})"
            yield [Finding(name, broken, "report this as a defect of bench, with the output of this command")]
