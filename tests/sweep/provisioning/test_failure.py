"""What SkyPilot and the clouds say, as one of eight reasons."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.sweep.provisioning import failure
from bench.sweep.provisioning.failure import failure_of_error, failure_of_job, notice_of
from bench.sweep.provisioning.provisioner import Job
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
        (["An error occurred (MaxSpotInstanceCountExceeded) when calling RunInstances"], "QUOTA"),
        (["An error occurred (UnauthorizedOperation) when calling RunInstances: not authorized"], "PERMISSION"),
        (["An error occurred (PendingVerification) when calling RunInstances: being validated"], "PERMISSION"),
        (["An error occurred (RequestLimitExceeded) when calling RunInstances: limit exceeded"], "RATE"),
        (["Got return code 'quotaExceeded' in us-central1-a: 'Quota exceeded'"], "QUOTA"),
        (["Got return code 'rateLimitExceeded' in us-central1-a: 'Rate Limit Exceeded'"], "RATE"),
        (["Got return code 'IAM_PERMISSION_DENIED'"], "PERMISSION"),
        (["(SkuNotAvailable) The requested VM size for resource is not available"], "CAPACITY"),
        (["(OperationNotAllowed) results in exceeding approved NCSv3 Cores quota"], "QUOTA"),
        (["(AuthorizationFailed) The client does not have authorization"], "PERMISSION"),
        (["{'status': 500, 'code': 'InternalError', 'message': 'Out of host capacity.'}"], "CAPACITY"),
        (["{'status': 400, 'code': 'LimitExceeded', 'message': 'service limits'}"], "QUOTA"),
        (["instance-operations/launch/insufficient-capacity: Not enough capacity"], "CAPACITY"),
        (["global/quota-exceeded: Quota exceeded."], "QUOTA"),
        (["There are no longer any instances available with the requested specifications."], "CAPACITY"),
        (["InsufficientInstanceCapacity in a", "UnauthorizedOperation in b"], "PERMISSION"),
        (["An error occurred (InvalidAMIID.NotFound): exceeds the limit of words"], "ERROR"),
        (["Failed to acquire resources in all zones in us-east-1. Max attempts exceeded."], "ERROR"),
        (["Failed to acquire resources in main for {Slurm(cpus=1, mem=2, {'H100': 1})}."], "CAPACITY"),
        (["Failed to acquire resources in ssh-pool for {SSH(cpus=1, {'L4': 1})}."], "CAPACITY"),
        (["Failed to acquire resources in pool for {Kubernetes(cpus=1, {'L4': 1})}."], "CAPACITY"),
        (["Failed to acquire resources in all zones for {AWS(p3.2xlarge, {'V100': 1})}."], "ERROR"),
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
    found = failure_of_error(ResourcesUnavailableError(message))
    assert found.reason == "ERROR"
    assert "\x1b" not in found.words


def test_what_no_cloud_has_a_code_for_keeps_its_words() -> None:
    error = ResourcesUnavailableError("all failed", "An error occurred (InvalidKeyPair.NotFound)")
    assert failure_of_error(error) == ("ERROR", "An error occurred (InvalidKeyPair.NotFound)")


def test_a_code_that_is_only_in_the_log_of_the_launch_counts() -> None:
    error = ResourcesUnavailableError("all failed", "Failed to launch instances. Max attempts exceeded.")
    error.add_note("create_instances: Attempt failed with An error occurred (InsufficientInstanceCapacity)")
    assert failure_of_error(error).reason == "CAPACITY"


def test_a_code_means_one_thing_and_has_its_source() -> None:
    path = Path(failure.__file__).with_name("cloud_errors.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len({(row["code"], row["meaning"]) for row in rows}) == len({row["code"] for row in rows})
    assert {row["cloud"] for row in rows} == {"aws", "gcp", "azure", "oci", "lambda", "runpod"}
    assert {row["meaning"] for row in rows} == {"CAPACITY", "QUOTA", "PERMISSION", "RATE"}
    assert all(row["source"].startswith("https://") for row in rows)


def test_our_own_errors_keep_their_words() -> None:
    assert failure_of_error(StoreError("store x: is full")) == ("ERROR", "store x: is full")


def test_an_error_without_words_has_its_name() -> None:
    assert failure_of_error(KeyError()) == ("ERROR", "KeyError")


def test_pages_of_words_are_cut() -> None:
    assert len(failure_of_error(OSError("x" * 5000)).words) == 300


def test_a_job_that_ended_well_has_no_outcome() -> None:
    assert failure_of_job(Job.DONE, ["done"], [make_run()]) is None


def test_a_machine_that_is_gone_was_lost_unless_there_is_evidence() -> None:
    lost, taken = failure_of_job(Job.GONE, [], []), failure_of_job(Job.GONE, [], [], taken_back="EC2 says so")
    assert (lost and lost.reason, taken and taken.reason) == ("LOST", "PREEMPTED")
    assert taken is not None
    assert "EC2 says so" in taken.words


def test_a_job_that_the_notice_ended_was_preempted() -> None:
    run = make_run(status="interrupted", reason="PREEMPTED", message="taken", evaluations=())
    found = failure_of_job(Job.FAILED, ["Terminated"], [run], taken_back=notice_of([run]))
    assert found is not None
    assert found.reason == "PREEMPTED"


def test_a_cell_with_all_its_runs_is_done_however_its_machine_ended() -> None:
    assert failure_of_job(Job.GONE, [], [make_run()], complete=True) is None
    assert failure_of_job(Job.GONE, [], [make_run()], taken_back="EC2 says so", complete=True) is None


def test_a_machine_that_goes_before_all_runs_are_made_is_what_failed() -> None:
    run = make_run(status="failed", reason="DIVERGED", message="the loss is nan", evaluations=())
    found = [
        failure_of_job(job, [], [run], taken_back=notice, complete=complete)
        for job, notice, complete in (
            (Job.GONE, None, False),
            (Job.GONE, "EC2 says so", False),
            (Job.FAILED, "its notice", False),
            (Job.GONE, "EC2 says so", True),
            (Job.FAILED, "its notice", True),
        )
    ]
    assert [each and each.reason for each in found] == ["LOST", "PREEMPTED", "PREEMPTED", "ERROR", "ERROR"]
    assert failure_of_job(Job.FAILED, [], [make_run()], taken_back="its notice", complete=True) is None


def test_failed_runs_are_counted_and_the_first_is_quoted() -> None:
    runs = [
        make_run(),
        make_run(status="failed", reason="OOM", message="out of memory:\nbatch 512", evaluations=()),
        make_run(status="failed", reason="DIVERGED", message="the loss is nan", evaluations=()),
    ]
    found = failure_of_job(Job.FAILED, [], runs)
    assert found == ("OOM", "2 runs failed (DIVERGED, OOM): out of memory: batch 512")


def test_a_run_that_failed_fails_the_cell_though_its_job_went_on() -> None:
    run = make_run(status="failed", reason="DIVERGED", message="the loss is nan", evaluations=())
    assert failure_of_job(Job.DONE, [], [run]) == ("ERROR", "1 run failed (DIVERGED): the loss is nan")
