"""What a capture and a launch ask of a GPU."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fake_gpu.conftest import Machine
from tests.fake_gpu.graphs import LARGE

WHAT = ("captures", "graphs", "nodes", "chain", "launches", "synchronisations")


@pytest.fixture(scope="module")
def told(machine: Machine) -> dict[str, Any]:
    """What graphs.py tells."""
    done = machine.python("-m", "tests.fake_gpu.graphs")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_work_is_captured_once_and_launched_as_a_whole(told: dict[str, Any]) -> None:
    asked = told["asked"]
    assert {name: tuple(each[what] for what in WHAT) for name, each in asked.items()} == {
        "capture": (1, 0, 0, 0, 9, 1),  # of three operations, run three times before
        "launch": (0, 1, 3, 3, 0, 0),
        "plain call": (0, 0, 0, 0, 2, 0),
        "captured call": (1, 1, 2, 2, 9, 1),  # the value is copied, in and out, and for the graph to read
        "next call": (0, 1, 2, 2, 2, 0),  # the copies
        "capture of branches": (1, 0, 0, 0, 15, 1),
        "launch of branches": (0, 1, 5, 4, 0, 0),
    }
    assert told["ran"] == {"before": 4, "work": 4}  # three times to warm up, and for the graph itself
    assert told["known"] == [True, True, False]
    assert told["results are the caller's own"]


def test_what_a_graph_works_in_is_part_of_the_memory_that_a_run_held(told: dict[str, Any]) -> None:
    assert told["held"] >= LARGE


def test_what_a_graph_that_is_gone_worked_in_is_no_part_of_the_memory_that_a_run_held(told: dict[str, Any]) -> None:
    assert told["held by both"] >= told["held"] + LARGE
    assert told["held without the other"] <= told["held"]


def test_a_signal_in_the_midst_of_a_branch_is_no_error_of_the_capture(told: dict[str, Any]) -> None:
    """CUDA's own, that a branch was not joined, would be taken for a path that fails, and the training go on."""
    assert told["broken off"] == {"raised": "Signal", "known": False, "again": True}


def test_after_a_capture_that_failed_torch_is_as_it_was(told: dict[str, Any]) -> None:
    """On the stream of before, with memory that comes back, and generators that draw: in graphs, and without."""
    left = told["after a failure"]
    assert left["error"] == "AcceleratorError"
    assert not left["known"]
    assert left["on the stream of before"]
    assert left["drawn"] == [4, 4]
    assert left["gave back"] >= LARGE
