"""The lease of this machine: joined or opened, when it began, and no second of it twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bench.billing.prices import Offer
from bench.errors import ConflictError, UsageError
from bench.host import boot_time
from bench.lease.lease import LeaseHandle, acquire_lease, close_lease
from bench.lease.machine import MachineOptions
from bench.record.documents import Accelerators, LeaseClosed, LeaseOpened, Price, new_id
from bench.store import FolderStore
from tests.support.metadata_server import Serve, ec2_pages

pytestmark = pytest.mark.usefixtures("own_firmware")

LAUNCHED = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
Boots = Callable[[datetime | None], None]


@pytest.fixture
def ec2(serve: Serve) -> dict[str, str]:
    """The environment of a p3.2xlarge, launched at LAUNCHED."""
    pages = ec2_pages(f"{LAUNCHED:%Y-%m-%dT%H:%M:%SZ}", "on-demand")
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": serve(pages).url}


def opened(given: MachineOptions, store: FolderStore, environ: Mapping[str, str]) -> LeaseOpened:
    made = acquire_lease(given, store, environ).opened
    assert made is not None
    return made


def close_enough(a: datetime, b: datetime | None) -> bool:
    return b is not None and abs(a - b) < timedelta(seconds=2)


def test_ones_own_machine_is_leased_from_the_start_of_the_process(store: FolderStore) -> None:
    lease = opened(MachineOptions(), store, {})
    assert (lease.provider, lease.started_source, lease.price, lease.phases) == ("own", "process", None, ())
    assert lease.tags == {"bench-lease": lease.id}


def test_ec2_says_when_it_was_launched_and_the_book_what_it_costs(store: FolderStore, ec2: dict[str, str]) -> None:
    lease = opened(MachineOptions(), store, ec2)
    assert (lease.provider, lease.instance_type, lease.resource_id) == ("aws", "p3.2xlarge", "i-0abc")
    assert (lease.started, lease.started_source) == (LAUNCHED, "provider")
    assert lease.accelerators == Accelerators(name="V100", count=1)
    assert lease.price is not None
    assert lease.price.pricing_category == "Standard"
    assert lease.tags == {"bench-lease": lease.id}


def test_a_price_is_that_of_the_machines_region(
    store: FolderStore, ec2: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find_offer(name: str, category: str, region: str | None) -> Offer:
        asked.append((name, category, region))
        raise UsageError("no such price")

    monkeypatch.setattr("bench.lease.machine.find_offer", find_offer)
    lease = opened(MachineOptions(spot=True), store, ec2)
    assert asked == [("aws:p3.2xlarge", "Dynamic", "us-east-1")]
    assert lease.price is None  # unknown, and no error: the user did not ask for this price


def test_what_the_launcher_says_of_the_price_outranks_the_book(store: FolderStore, ec2: dict[str, str]) -> None:
    environ = ec2 | {"BENCH_PRICE_SOURCE": "SkyPilot catalogue v8 at launch", "BENCH_ACCELERATORS": "V100:8"}
    lease = opened(MachineOptions(price_per_hour="0.55", spot=True), store, environ)
    assert isinstance(lease.price, Price)
    assert (lease.price.amount, lease.price.pricing_category) == (Decimal("0.55"), "Dynamic")
    assert lease.price.source == "SkyPilot catalogue v8 at launch"
    assert lease.accelerators == Accelerators(name="V100", count=8)


def test_an_instance_given_by_the_user_outranks_what_the_machine_says(store: FolderStore, ec2: dict[str, str]) -> None:
    assert opened(MachineOptions(instance="aws:g5.xlarge"), store, ec2).instance_type == "g5.xlarge"


def test_without_a_launch_time_a_machine_is_leased_from_its_boot(store: FolderStore) -> None:
    lease = opened(MachineOptions(), store, {"SKYPILOT_CLUSTER_INFO": '{"cloud": "Lambda"}'})
    assert lease.started_source == "boot"
    assert close_enough(lease.started, boot_time())


def test_a_container_is_not_leased_from_the_boot_of_its_host(store: FolderStore) -> None:
    assert opened(MachineOptions(), store, {"SKYPILOT_CLUSTER_INFO": '{"cloud": "Slurm"}'}).started_source == "process"


@pytest.mark.parametrize("spelling", ["{:.0f}", "{:.3f}", "iso", "offset"])
def test_the_launchers_time_goes_before_the_providers(store: FolderStore, ec2: dict[str, str], spelling: str) -> None:
    at = LAUNCHED + MINUTE
    texts = {"iso": f"{at:%Y-%m-%dT%H:%M:%SZ}", "offset": f"{at + 60 * MINUTE:%Y-%m-%dT%H:%M:%S}+01:00"}
    value = texts.get(spelling) or spelling.format(at.timestamp())
    lease = opened(MachineOptions(), store, ec2 | {"BENCH_LEASE_STARTED": value})
    assert (lease.started, lease.started_source) == (at, "launcher")


def test_a_launchers_clock_that_is_ahead_ends_no_job(store: FolderStore, ec2: dict[str, str]) -> None:
    before = datetime.now(UTC)
    environ = ec2 | {"BENCH_LEASE_STARTED": (before + 10 * MINUTE).isoformat()}
    lease = opened(MachineOptions(), store, environ)
    assert before <= lease.started <= datetime.now(UTC)
    assert lease.started_source == "launcher"
    store.put(lease)
    assert acquire_lease(MachineOptions(), store, environ).lease_id == lease.id


@pytest.fixture
def boots(monkeypatch: pytest.MonkeyPatch) -> Boots:
    """`boots(when)`: the machine booted then."""
    return lambda when: monkeypatch.setattr("bench.lease.machine.boot_time", lambda: when)


def marks(**minutes: int) -> dict[str, str]:
    """Phases that began so many minutes after the launch."""
    words = [f"{name}={(LAUNCHED + after * MINUTE).timestamp():.0f}" for name, after in minutes.items()]
    return {"BENCH_LEASE_PHASES": "\n".join(words)}


def test_phases_follow_each_other_from_the_launch_to_this_process(
    store: FolderStore, ec2: dict[str, str], boots: Boots
) -> None:
    boots(None)
    lease = opened(MachineOptions(), store, ec2 | marks(setup=2, pull=5))
    assert [(p.name, p.start, p.stop) for p in lease.phases[:2]] == [("provision", 0, 120), ("setup", 120, 300)]
    assert (lease.phases[2].name, lease.phases[2].start) == ("pull", 300)
    assert 300 < lease.phases[2].stop <= 660


def test_provisioning_ends_with_the_boot_where_charging_begins(
    store: FolderStore, ec2: dict[str, str], boots: Boots
) -> None:
    boots(LAUNCHED + MINUTE)
    lease = opened(MachineOptions(), store, ec2 | marks(data=5))
    assert [(p.name, p.start) for p in lease.phases] == [("provision", 0), ("setup", 60), ("data", 300)]


def test_without_names_only_the_time_up_to_the_boot_has_one(
    store: FolderStore, ec2: dict[str, str], boots: Boots
) -> None:
    boots(LAUNCHED + MINUTE)
    assert [(p.name, p.stop) for p in opened(MachineOptions(), store, ec2).phases] == [("provision", 60)]
    boots(LAUNCHED - MINUTE)  # a machine that was stopped and started again, or a host's boot
    assert opened(MachineOptions(), store, ec2).phases == ()


def test_phases_from_before_the_lease_are_left_out(store: FolderStore, ec2: dict[str, str], boots: Boots) -> None:
    boots(None)
    lease = opened(MachineOptions(), store, ec2 | marks(setup=-9, data=1))
    assert [(phase.name, phase.start) for phase in lease.phases] == [("setup", 0), ("data", 60)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BENCH_LEASE_STARTED", "yesterday"),
        ("BENCH_LEASE_STARTED", "2026-11-22T12:00:00"),
        ("BENCH_LEASE_STARTED", "nan"),
        ("BENCH_LEASE_STARTED", "1e300"),
        ("BENCH_LEASE_STARTED", "2999-01-01T00:00:00Z"),
        *(("BENCH_LEASE_STARTED", text) for text in ("0", "-1", "1", "20261122", "20261122120000")),
        *(("BENCH_LEASE_STARTED", text) for text in ("1_795_345_200", " 1795345200", "1.7953452e9", "0x6b02", "٣")),
        ("BENCH_LEASE_STARTED", "2014-12-31T23:59:59Z"),
        ("BENCH_LEASE_STARTED", "0001-01-01T00:00:00+23:59"),
        ("BENCH_LEASE_PHASES", "setup=0"),
        ("BENCH_LEASE_PHASES", "setup=20261122"),
        ("BENCH_LEASE_PHASES", "setup=1_795_345_200"),
        ("BENCH_IDLE_MINUTES", "1.5"),
        ("BENCH_LEASE_ATTEMPT", "٣"),
        ("BENCH_LEASE_PHASES", "setup"),
        ("BENCH_LEASE_PHASES", "lunch=1795345200"),
        ("BENCH_LEASE_PHASES", "setup=1700000100 data=1700000000"),
        ("BENCH_ACCELERATORS", "V100:none"),
        ("BENCH_ACCELERATORS", ":0"),
        ("BENCH_LEASE_ATTEMPT", "0"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_named(store: FolderStore, variable: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable}: "):
        acquire_lease(MachineOptions(), store, {variable: value})


def test_a_clock_that_was_never_set_begins_no_lease(
    store: FolderStore, ec2: dict[str, str], boots: Boots, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    monkeypatch.setattr("bench.lease.metadata._aws_launched", lambda document: never)
    boots(never)
    assert opened(MachineOptions(), store, ec2).started_source == "process"


def test_the_attempt_is_kept(store: FolderStore) -> None:
    assert opened(MachineOptions(), store, {"BENCH_LEASE_ATTEMPT": "2"}).attempt == 2


def test_a_second_call_on_a_machine_goes_on_where_the_first_ended(store: FolderStore, ec2: dict[str, str]) -> None:
    first = opened(MachineOptions(), store, ec2)
    store.put(first)
    ended = datetime.now(UTC) - timedelta(seconds=30)
    store.put(LeaseClosed(id=first.id, stopped=ended))
    second = acquire_lease(MachineOptions(), store, ec2)
    assert second.opened is not None
    assert second.lease_id == second.opened.id != first.id
    assert (second.opened.started, second.opened.phases, second.closes) == (ended, (), True)
    assert second.opened.tags == {"bench-lease": second.lease_id}


def test_a_lease_that_a_killed_process_left_open_is_joined_and_closed(store: FolderStore, ec2: dict[str, str]) -> None:
    first = opened(MachineOptions(), store, ec2)
    store.put(first)
    assert acquire_lease(MachineOptions(), store, ec2)[:3] == LeaseHandle(first.id, None, closes=True)[:3]


def test_a_call_beside_others_ends_in_a_lease_behind_theirs(store: FolderStore, ec2: dict[str, str]) -> None:
    first, second = (acquire_lease(MachineOptions(), store, ec2) for _ in range(2))
    assert first.opened is not None
    assert first.later is not None
    assert second.later is not None
    store.put(first.opened)
    assert first.later() == second.later() == (first.lease_id, None)
    ended = datetime.now(UTC) - timedelta(seconds=30)
    store.put(LeaseClosed(id=first.lease_id, stopped=ended))
    lease_id, opened_later = second.later()
    assert opened_later is not None
    assert lease_id == opened_later.id != first.lease_id
    assert (opened_later.started, opened_later.phases) == (ended, ())


def test_two_machines_have_two_leases(store: FolderStore, ec2: dict[str, str], serve: Serve) -> None:
    other = serve({"/latest/api/token": "t", "/latest/meta-data/instance-id": "i-0def"})
    first = opened(MachineOptions(), store, ec2)
    second = opened(MachineOptions(), store, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": other.url})
    assert first.id != second.id


def test_two_calls_on_ones_own_machine_have_two_leases(store: FolderStore) -> None:
    assert acquire_lease(MachineOptions(), store, {}).lease_id != acquire_lease(MachineOptions(), store, {}).lease_id


def a_lease(store: FolderStore) -> LeaseOpened:
    lease = LeaseOpened(provider="aws", started=LAUNCHED)
    store.put(lease)
    return lease


def test_a_lease_is_closed_from_outside_once(store: FolderStore) -> None:
    lease = a_lease(store)
    key = close_lease(lease.id, LAUNCHED + MINUTE, "preempted", store)
    closed = store.read(key)
    assert isinstance(closed, LeaseClosed)
    assert (closed.stopped, closed.stopped_source, closed.reason) == (LAUNCHED + MINUTE, "user", "preempted")
    assert close_lease(lease.id, LAUNCHED + MINUTE, "preempted", store) == key
    with pytest.raises(ConflictError):
        close_lease(lease.id, LAUNCHED + 2 * MINUTE, "preempted", store)


def test_a_lease_cannot_end_before_it_began(store: FolderStore) -> None:
    with pytest.raises(UsageError, match=str(LAUNCHED.year)):
        close_lease(a_lease(store).id, LAUNCHED - MINUTE, "finished", store)


def test_a_lease_that_was_never_opened_is_not_closed(store: FolderStore) -> None:
    a_lease(store)
    unknown = new_id()
    with pytest.raises(UsageError, match=unknown):
        close_lease(unknown, LAUNCHED, "finished", store)
