"""bench lease, as a user calls it on a machine of their own and on one that says it is rented."""

from datetime import timedelta
from pathlib import Path

import pytest

from bench.record.documents import LeaseClosed, LeaseOpened, new_id, utc_now
from bench.store import FolderStore, lease_edges
from tests.support.types import Bench

# SkyPilot's word for it, with the metadata service of whatever machine the tests run on left alone.
ON_AWS = {
    "SKYPILOT_CLUSTER_INFO": '{"cluster_name": "sky-a-person", "cloud": "AWS", "region": "us-east-1", "zone": null}',
    "AWS_EC2_METADATA_DISABLED": "true",
}


def test_show_says_what_would_be_recorded_and_stores_nothing(bench: Bench, tmp_path: Path) -> None:
    done = bench("lease", "show", "--instance", "aws:p3.2xlarge", BENCH_LEASE_STARTED="1795345200", **ON_AWS)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert (said["provider"], said["region"], said["zone"]) == ("aws", "us-east-1", "unknown")
    assert (said["instance type"], said["accelerators"]) == ("p3.2xlarge", "1 x V100")
    assert said["began"] == "2026-11-22T11:00:00Z (from the launcher)"
    assert "a-person" not in done.stdout
    assert not list(tmp_path.iterdir())


def test_show_takes_the_price_that_a_launcher_left_in_the_environment(bench: Bench) -> None:
    environ = {"BENCH_PRICE_PER_HOUR": "0.55", "BENCH_SPOT": "1", "BENCH_CURRENCY": "EUR", "BENCH_PRICE_SOURCE": "here"}
    done = bench("lease", "show", **ON_AWS, **environ)
    assert "price: 0.55 EUR per machine-hour, Dynamic (here, " in done.stdout
    assert "spot: yes" in done.stdout


def test_show_says_whose_lease_it_is(bench: Bench) -> None:
    lease = new_id()
    assert f"lease: of the launch {lease}" in bench("lease", "show", BENCH_LEASE_ID=lease).stdout


def test_a_variable_that_cannot_be_meant_is_one_line_and_exit_code_2(bench: Bench) -> None:
    done = bench("lease", "show", BENCH_LEASE_STARTED="yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("bench: BENCH_LEASE_STARTED: 'yesterday' is not a time")


def test_close_ends_a_lease_whose_machine_is_gone(bench: Bench, tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    lease = LeaseOpened(provider="aws", started=utc_now().replace(microsecond=0) - timedelta(minutes=10))
    store.put(lease)
    stopped = f"{lease.started + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    call = ("lease", "close", lease.id, "--stopped", stopped, "--reason", "preempted", "--store", "store")
    done = bench(*call)
    assert done.returncode == 0, done.stderr
    closed = store.read(done.stdout.strip())
    assert isinstance(closed, LeaseClosed)
    assert (closed.reason, closed.stopped_source) == ("preempted", "user")
    assert bench(*call).returncode == 0  # the same again is the same
    other = bench("lease", "close", lease.id, "--stopped", stopped, "--store", "store")
    assert other.returncode == 1
    assert "another document is here already" in other.stderr


@pytest.mark.parametrize(
    "stopped",
    ["2126-11-20T12:10:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00Z"],
)
def test_close_refuses_a_time_that_has_not_come_yet_or_that_nobody_means(
    bench: Bench, tmp_path: Path, stopped: str
) -> None:
    store = FolderStore(str(tmp_path / "store"))
    lease = LeaseOpened(provider="aws", started=utc_now() - timedelta(minutes=10))
    store.put(lease)
    result = bench("lease", "close", lease.id, "--stopped", stopped, "--store", "store")
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert "--stopped" in result.stderr
    assert lease_edges(store, lease.id) == {"opened"}


def test_close_refuses_what_is_no_lease_and_no_time(bench: Bench, tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).check_writable()
    stopped = ("--stopped", "2026-11-22T12:34:56Z", "--store", "store")
    assert "was opened in this store" in bench("lease", "close", new_id(), *stopped).stderr
    assert bench("lease", "close", "../../etc", *stopped).returncode == 2
    for no_time in ("noon", "2026-11-22T12:34:56", "2026-11-22"):
        done = bench("lease", "close", new_id(), "--stopped", no_time, "--store", "store")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "2026-11-22T12:34:56Z" in done.stderr
