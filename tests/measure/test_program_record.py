"""A measured run becomes a record, whatever was read of what its program printed."""

from typing import Any

import pytest

from bench.measure.program import run_of
from bench.record.documents import Device, Environment, Run, Series, from_bytes, new_id, to_bytes
from tests.support.program_runs import PROGRAM

MEASUREMENT: dict[str, Any] = {
    "program": PROGRAM.model_dump(),
    "seed": 3,
    "target": {"metric": "loss", "at_least": None, "at_most": 0.5},
    "anchor": "2026-11-26T01:02:03+00:00",
    "status": "completed",
    "reason": None,
    "message": None,
    "ended": "exited",
    "cleanup": "clean",
    "phases": [{"name": "setup", "start": 0, "stop": 2}, {"name": "train", "start": 2, "stop": 9}],
    "evaluations": [{"at": 4, "step": 20, "metrics": {"loss": 0.25}, "final": True}],
    "progress": {
        "source": "json-lines",
        "target_source": "json-lines",
        "unit": "step",
        "first_step": 11,
        "last_step": 20,
        "total_steps": 20,
        "total_source": "program",
        "contradicted_by": None,
        "step_seconds": None,
        "points": [[3, 11], [4, 20]],
    },
    "resumed_from": 10,
    "warnings": ["one"],
}


def run(**changes: Any) -> Run:
    return run_of(
        MEASUREMENT | changes,
        series=Series(id=new_id(), index=0, planned=1),
        lease_id=None,
        device=Device(kind="cpu", name="Xeon", convolution=None),
        environment=Environment(bench="0.1.0", python="3.11.7", os="Linux", cpu="Xeon", cores=8),
        warnings=("two",),
    )


def test_what_was_measured_is_in_the_record() -> None:
    record = run()
    assert (record.label, record.hit, record.steps, record.resumed_from) == ("gpt2", True, 10, 10)
    assert record.warnings == ("one", "two")
    assert from_bytes(to_bytes(record), "x.json") == record


def test_epochs_are_no_steps() -> None:
    assert run(progress=MEASUREMENT["progress"] | {"unit": "epoch"}).steps is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"progress": MEASUREMENT["progress"] | {"points": [[4, 20], [3, 21]]}}, "progress"),
        ({"evaluations": [{"at": 4, "metrics": {"loss": float("nan")}, "final": True}]}, "evaluations.0"),
        ({"phases": [{"name": "my own", "start": 0, "stop": 9}]}, "phases.0"),
    ],
)
def test_what_does_not_fit_costs_the_progress_and_not_the_run(changes: dict[str, Any], where: str) -> None:
    record = run(**changes)
    assert (record.status, record.ended, record.progress, record.evaluations) == ("completed", "exited", None, ())
    assert [(phase.name, phase.start, phase.stop) for phase in record.phases] == [("process", 0, 9)]
    assert record.warnings[-1] == f"the progress read does not fit the record's schema at {where}"
