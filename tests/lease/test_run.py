"""A call of `bench run` on a machine that says it is EC2: its lease, and its end by a preemption."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bench.lease.lease import LeaseHandle, acquire_lease
from bench.lease.machine import MachineOptions, preempted
from bench.measure import session
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts, LeasePart, Runs, recorded
from bench.record.documents import (
    AnyDocument,
    LeaseClosed,
    LeaseOpened,
    Run,
    new_id,
    utc_now,
)
from bench.store import FolderStore, read_all, spools
from bench.training import data as cifar10
from bench.training.events import Events
from tests.support.builders import make_run
from tests.support.metadata_server import EC2_NOTICE, Page, Serve, ec2_pages
from tests.support.scripted import NO_IMAGES, Scripted

EC2 = ec2_pages()
Signalled = Callable[[signal.Signals, dict[str, str]], list[AnyDocument]]


def signalled(number: signal.Signals) -> Scripted:
    """A recipe to which a signal comes while it trains."""

    def script(seed: int, events: Events) -> None:
        with events.phase("train"):
            os.kill(os.getpid(), number)

    return Scripted("signalled", "", 0.94, script=script)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signalled:
    """`run(number, environ)`: the records that a call leaves to which this signal comes."""
    monkeypatch.setattr(cifar10, "find", lambda _: tmp_path)
    monkeypatch.setattr(cifar10, "load", lambda _: NO_IMAGES)

    def call(number: signal.Signals, environ: dict[str, str]) -> list[AnyDocument]:
        store = FolderStore(str(tmp_path / "store"))
        lease = acquire_lease(MachineOptions(), store, environ)
        request = session.Request(
            recipes=[signalled(number)],
            runs=1,
            first_seed=0,
            data=None,
            held_out=False,
            device="cpu",
            gpus=1,
            target=None,
            lease=LeasePart(
                lease_id=lease.lease_id,
                opened=lease.opened,
                closes=lease.closes,
                preempted=partial(preempted, environ),
                later=lease.later,
            ),
        )
        list(session.measure(request, store, Progress(quiet=True)))
        found, errors = read_all(store)
        assert not errors
        return found

    return call


@pytest.mark.parametrize(
    ("number", "pages", "reason", "ended"),
    [
        (signal.SIGTERM, EC2 | EC2_NOTICE, "PREEMPTED", "preempted"),
        (signal.SIGTERM, EC2, "USER", "interrupted"),
        (signal.SIGINT, EC2 | EC2_NOTICE, "USER", "interrupted"),
    ],
)
def test_a_run_is_pre_empted_where_ec2_gave_notice_and_sigterm_came(
    serve: Serve, run: Signalled, number: signal.Signals, pages: dict[str, Page], reason: str, ended: str
) -> None:
    found = run(number, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": serve(pages).url})
    (opened,) = (document for document in found if isinstance(document, LeaseOpened))
    (closed,) = (document for document in found if isinstance(document, LeaseClosed))
    (made,) = (document for document in found if isinstance(document, Run))
    assert (opened.resource_id, opened.started_source) == ("i-0abc", "provider")
    assert (made.status, made.reason, made.lease_id) == ("interrupted", reason, opened.id)
    assert (closed.id, closed.reason, closed.stopped_source) == (opened.id, ended, "process")


def test_a_run_opens_the_lease_of_its_launch_and_leaves_its_end_to_the_launcher(run: Signalled) -> None:
    launch = new_id()
    opened, made = run(signal.SIGTERM, {"BENCH_LEASE_ID": launch})
    assert isinstance(opened, LeaseOpened)
    assert isinstance(made, Run)
    assert (opened.id, made.lease_id, made.reason) == (launch, launch, "USER")


@pytest.mark.usefixtures("own_firmware")
@pytest.mark.parametrize("ends_first", [True, False])
def test_two_calls_side_by_side_share_the_machine_s_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_first: bool
) -> None:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))
    store = FolderStore(str(tmp_path / "store"))
    environ = {"BENCH_LEASE_STARTED": f"{utc_now() - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"}
    # Both ask before either opens it, with other seconds of set-up behind them.
    mine, other = (acquire_lease(MachineOptions(), store, environ) for _ in range(2))
    assert mine.opened is not None
    mine = mine._replace(opened=mine.opened.model_copy(update={"attempt": 7}))

    def call(lease: LeaseHandle, beside: Callable[[], object] = lambda: None) -> list[str]:
        def runs() -> Runs:
            beside()
            yield make_run(lease_id=lease.lease_id)
            return 0

        part = LeasePart(
            lease_id=lease.lease_id,
            opened=lease.opened,
            closes=lease.closes,
            preempted=lambda: False,
            later=lease.later,
        )
        return [key for _, key in recorded(runs, part, store, Interrupts(), echo=False)]

    if ends_first:
        call(mine, beside=lambda: call(other))
    else:
        call(mine)
        call(other)
    documents, errors = read_all(store)
    assert errors == []
    assert spools() == []
    leases = sorted((each for each in documents if isinstance(each, LeaseOpened)), key=lambda each: each.started)
    ends = {each.id: each.stopped for each in documents if isinstance(each, LeaseClosed)}
    assert [lease.attempt for lease in leases] == [7, None]
    assert leases[1].started == ends[leases[0].id] <= ends[leases[1].id]
