"""What a capture and a launch ask of a GPU."""

from __future__ import annotations

import json

from tests.fake_gpu.conftest import Machine

WHAT = ("captures", "graphs", "nodes", "launches", "synchronisations")


def test_work_is_captured_once_and_launched_as_a_whole(machine: Machine) -> None:
    done = machine.python("-m", "tests.fake_gpu.graphs")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    asked = told["asked"]
    assert {name: tuple(each[what] for what in WHAT) for name, each in asked.items()} == {
        "capture": (1, 0, 0, 9, 1),  # of three operations, run three times before
        "launch": (0, 1, 3, 0, 0),
        "plain call": (0, 0, 0, 2, 0),
        "captured call": (1, 1, 2, 9, 1),  # the value is copied, in and out, and for the graph to read
        "next call": (0, 1, 2, 2, 0),  # the copies
    }
    assert told["ran"] == {"before": 4, "work": 4}  # three times to warm up, and for the graph itself
    assert told["known"] == [True, True, False]
    assert told["results are the caller's own"]
