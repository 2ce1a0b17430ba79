"""What SkyPilot and the clouds say, as one of five reasons."""

from __future__ import annotations

import pytest

from bench.errors import StoreError
from bench.sweep.provisioning.provisioner import Job, failure_of_error, failure_of_job
from tests.support.builders import make_run
from tests.support.sweeps import ResourcesUnavailableError


class KubeAPIUnreachableError(ResourcesUnavailableError):
    """As SkyPilot's, one kind of it."""


@pytest.mark.parametrize(
    ("tried", "reason"),
    [
        (["InsufficientInstanceCapacity: no p3.2xlarge in us-east-1a"], "CAPACITY"),
        (["ZONE_RESOURCE_POOL_EXHAUSTED"], "CAPACITY"),
        (["VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 0"], "QUOTA"),
        (["QUOTA_EXCEEDED: Quota 'NVIDIA_V100_GPUS' exceeded. Limit: 0.0 in region us-central1"], "QUOTA"),
        (["MaxSpotInstanceCountExceeded: Max spot instance count exceeded, limit 0"], "QUOTA"),
        (["no capacity in us-east-1a", "VcpuLimitExceeded"], "QUOTA"),
    ],
)
def test_the_reason_why_no_machine_was_to_be_had(tried: list[str], reason: str) -> None:
    assert failure_of_error(ResourcesUnavailableError("all failed", *tried)).reason == reason
    assert failure_of_error(KubeAPIUnreachableError("all failed", *tried)).reason == reason


@pytest.mark.parametrize(
    "message",
    [
        "Catalog does not contain any instances satisfying the request: 1x Slurm({'L4': 1}, region=ci).",
        "Task 'x' requires aws which is not enabled. To enable access, run: \x1b[1msky check aws\x1b[0m",
    ],
)
def test_what_nobody_has_is_no_lack_of_capacity(message: str) -> None:
    failure = failure_of_error(ResourcesUnavailableError(message))
    assert failure.reason == "ERROR"
    assert "\x1b" not in failure.words


def test_our_own_errors_keep_their_words() -> None:
    assert failure_of_error(StoreError("store x: is full")) == ("ERROR", "store x: is full")


def test_an_error_without_words_has_its_name() -> None:
    assert failure_of_error(KeyError()) == ("ERROR", "KeyError")


def test_pages_of_words_are_cut() -> None:
    assert len(failure_of_error(OSError("x" * 5000)).words) == 300


def test_a_job_that_ended_well_has_no_outcome() -> None:
    assert failure_of_job(Job.DONE, ["done"], [make_run()], spot=False) is None


def test_failed_runs_are_counted_and_the_first_is_quoted() -> None:
    runs = [
        make_run(),
        make_run(status="failed", reason="OOM", message="out of memory:\nbatch 512", evaluations=()),
        make_run(status="failed", reason="DIVERGED", message="the loss is nan", evaluations=()),
    ]
    failure = failure_of_job(Job.FAILED, [], runs, spot=False)
    assert failure == ("OOM", "2 runs failed (DIVERGED, OOM): out of memory: batch 512")


def test_a_run_that_failed_fails_the_cell_though_its_job_went_on() -> None:
    run = make_run(status="failed", reason="DIVERGED", message="the loss is nan", evaluations=())
    assert failure_of_job(Job.DONE, [], [run], spot=False) == ("ERROR", "1 run failed (DIVERGED): the loss is nan")
