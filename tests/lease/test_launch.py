"""The launch that a machine was rented by: one lease a machine, one tag for all of them, and one series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.errors import UsageError
from bench.lease.lease import LeaseHandle, acquire_lease, series_of
from bench.lease.machine import MachineOptions
from bench.record.documents import LeaseOpened, new_id, time_of
from bench.store import FolderStore

pytestmark = pytest.mark.usefixtures("own_firmware")

FIRST, SECOND = {"BENCH_RESOURCE_ID": "i-0first"}, {"BENCH_RESOURCE_ID": "i-0second"}
TASK = {"SKYPILOT_TASK_ID": "sky-managed-2026-11-20-10-11-12-345678_bench_7-0", "SKYPILOT_MANAGED_JOB_ID": "7"}


def opened(store: FolderStore, environ: dict[str, str]) -> LeaseOpened:
    """The lease that a call opens there, stored."""
    made = acquire_lease(MachineOptions(), store, environ).opened
    assert made is not None
    store.put(made)
    return made


def test_a_lease_that_the_launcher_opened_is_joined_and_not_closed(store: FolderStore) -> None:
    launch = new_id()
    store.put(LeaseOpened(id=launch, provider="aws", started=datetime.now(UTC)))
    assert acquire_lease(MachineOptions(), store, {"BENCH_LEASE_ID": launch}) == LeaseHandle(launch, None, closes=False)


def test_the_machine_opens_it_where_the_launcher_has_not(store: FolderStore) -> None:
    launch = new_id()
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    environ = FIRST | {
        "BENCH_LEASE_ID": launch,
        "BENCH_LEASE_STARTED": began.isoformat(),
        "BENCH_ACCELERATORS": "V100:1",
        "BENCH_LEASE_TAGS": "bench-sweep=the-claim/v100",
    }
    lease = opened(store, environ)
    assert (lease.id, lease.attempt, lease.started, lease.started_source) == (launch, 1, began, "launcher")
    assert (lease.resource_id, lease.accelerators and lease.accelerators.name) == ("i-0first", "V100")
    assert lease.tags["bench-lease"] == launch
    assert lease.tags["bench-sweep"] == "the-claim/v100"
    # A second call on the same machine.
    assert acquire_lease(MachineOptions(), store, environ) == LeaseHandle(launch, None, closes=False)


def test_each_further_machine_of_a_launch_has_a_lease_of_its_own(store: FolderStore) -> None:
    launch = {"BENCH_LEASE_ID": new_id()}
    one, two = opened(store, launch | FIRST), opened(store, launch | SECOND)
    third = opened(store, launch | {"BENCH_RESOURCE_ID": "i-0third"})
    assert [lease.attempt for lease in (one, two, third)] == [1, 2, 3]
    assert len({one.id, two.id, third.id}) == 3
    assert {lease.tags["bench-lease"] for lease in (one, two, third)} == {launch["BENCH_LEASE_ID"]}
    assert acquire_lease(MachineOptions(), store, launch | SECOND) == LeaseHandle(two.id, None, closes=False)


def test_the_machine_cannot_be_read_out_of_its_tag(store: FolderStore) -> None:
    assert "first" not in opened(store, FIRST | {"BENCH_LEASE_ID": new_id()}).tags["bench-machine"]


def test_the_machines_of_a_managed_job_are_one_launch_which_nobody_else_closes(store: FolderStore) -> None:
    one, two = opened(store, TASK | FIRST), opened(store, TASK | SECOND)
    assert (one.attempt, two.attempt) == (1, 2)
    assert one.tags["bench-lease"] == two.tags["bench-lease"] == one.id
    assert acquire_lease(MachineOptions(), store, TASK | SECOND).closes
    assert f"{time_of(one.id):%Y-%m-%d}" == "2026-11-20"  # the day of the task, also where it recovers on another


def test_outside_a_managed_job_a_task_is_no_launch(store: FolderStore) -> None:
    task = {"SKYPILOT_TASK_ID": TASK["SKYPILOT_TASK_ID"]}
    assert series_of(task) is None
    assert "bench-machine" not in opened(store, task).tags


def test_a_series_is_the_launch_s_own_unless_one_is_named() -> None:
    launch, series = new_id(), new_id()
    assert series_of({}) is None
    assert series_of({"BENCH_LEASE_ID": launch}) == launch
    assert series_of({"BENCH_LEASE_ID": launch, "BENCH_SERIES_ID": series}) == series
    assert series_of(TASK) == series_of(dict(TASK))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BENCH_LEASE_ID", "7"), ("BENCH_LEASE_TAGS", "sweep"), ("BENCH_LEASE_TAGS", "a=b c=<script>")],
)
def test_a_variable_that_cannot_be_meant_is_named(store: FolderStore, variable: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable}: "):
        acquire_lease(MachineOptions(), store, {variable: value})


def test_a_series_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^BENCH_SERIES_ID: 'first'"):
        series_of({"BENCH_SERIES_ID": "first"})
