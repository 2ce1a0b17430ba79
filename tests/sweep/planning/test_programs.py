"""A sweep of a task of one's own that was sampled: what it takes and costs, and what a run to the end does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.billing.offers.query import Answer
from bench.sweep.planning.duration import History, ProgramTime, Sample
from bench.sweep.planning.plan import Plan, plan_sweep
from bench.sweep.planning.render import notes, render
from bench.sweep.spec import Sweep
from tests.support.plans import offer, only

TASK = "resources: {infra: aws}\nrun: python train.py\n"
# Of 1000 steps: 20 s and half a second a step, seen twice.
SEEN = ProgramTime(
    hashlib.sha256(TASK.encode()).hexdigest(), "NVIDIA H100 80GB HBM3", 1, 2, 20.0, 0.5, 0.4, 0.6, 0.7, 1000
)
H100 = offer("3.60", gpu="H100", instance_type="p5.4xlarge")
WAITING = 120.0 + 300.0  # assumed, for the machine and its set-up


@pytest.fixture
def task(tmp_path: Path) -> str:
    path = tmp_path / "train.yaml"
    path.write_text(TASK)
    return str(path)


def plan_of(task: str, *programs: ProgramTime, **words: Any) -> Plan:
    content = {"name": "s", "task": task, "runs": 3, "machines": ["H100:1"]} | words
    return plan_sweep(
        Sweep.model_validate(content),
        History(programs=programs),
        lambda query: Answer([H100] * query.accepts(H100), []),
    )


def test_runs_to_the_end_take_what_the_samples_say(task: str) -> None:
    cell = only(plan_of(task, SEEN))
    assert cell.time.expected == WAITING + 3 * (20 + 0.5 * 1000)
    assert cell.time.recipes[0].run.upper == 20 + 0.6 * 1000
    assert cell.time.basis == "sampled, n = 2"
    assert cell.dollars is not None
    assert cell.whole is None


def test_a_sample_takes_its_own_steps_and_the_end_is_told_beside_it(task: str) -> None:
    found = plan_of(task, SEEN, steps=100, total_steps=2000)
    cell = only(found)
    assert cell.time.expected == WAITING + 3 * (20 + 0.5 * 100)
    assert cell.whole.steps == 2000
    assert cell.whole.hours == pytest.approx([(WAITING + 20 + each * 2000) / 3600 for each in (0.5, 0.4, 0.6)])
    expected, low, high = cell.whole.dollars
    assert low < expected < high
    # Charged from when it runs, with an address at half a cent an hour.
    assert expected == (Decimal("3.605") * (300 + 20 + 1000) / 3600)
    figures = "0.400 [0.344, 0.456] h and 1.32 [1.12, 1.52] USD"
    line = f"h100: to the end, 2,000 steps: {figures} on a machine of its own, by 2 runs of it"
    assert line in list(notes(found, None))


def test_too_few_steps_have_no_interval_and_a_slower_bound(task: str) -> None:
    cell = only(plan_of(task, replace(SEEN, least_step=None, most_step=None), steps=100))
    assert cell.time.recipes[0].run.upper == 20 + 0.7 * 100
    assert len(cell.whole.hours) == len(cell.whole.dollars) == 1


def test_whole_runs_outrank_samples(task: str) -> None:
    cell = only(plan_of(task, replace(SEEN, whole=Sample(4, 500.0, 550.0))))
    assert cell.time.recipes[0].run.expected == 500
    assert cell.time.recipes[0].run.upper == 550
    assert cell.time.basis == "measured, n = 4"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"total_steps": None},
            "train was sampled, but the number of steps of a whole run is unknown: give total_steps",
        ),
        ({"task_sha256": "0" * 64}, "the duration of train cannot be predicted; a sweep with `steps` samples it"),
        ({"gpu": "NVIDIA A100"}, "the duration of train cannot be predicted; a sweep with `steps` samples it"),
        ({"count": 8}, "the duration of train cannot be predicted; a sweep with `steps` samples it"),
    ],
)
def test_what_is_not_known_is_not_made_up(task: str, changes: dict[str, Any], why: str) -> None:
    cell = only(plan_of(task, replace(SEEN, **changes)))
    assert (cell.time, cell.cost, cell.why) == (None, None, why)


def test_several_nodes_cost_as_many_machines(task: str) -> None:
    one = only(plan_of(task, SEEN))
    Path(task).write_text(f"num_nodes: 2\n{TASK}")
    of_two = replace(SEEN, task_sha256=hashlib.sha256(Path(task).read_bytes()).hexdigest(), count=2)
    found = plan_of(task, of_two)
    cell = only(found)
    assert (cell.nodes, cell.gpus, cell.offer.hourly) == (2, 1, 2 * H100.hourly if H100.hourly else None)
    assert cell.dollars == pytest.approx(2 * one.dollars)
    assert cell.most_dollars == pytest.approx(2 * one.most_dollars)
    assert "2 nodes of 1 x H100, aws:p5.4xlarge" in render(found, "markdown", H100.seen, terminal=False)
