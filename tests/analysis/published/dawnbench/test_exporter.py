"""Our runs as DAWNBench entries that the entries' own checker takes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from analysis.published.dawnbench.entries import read_entries
from analysis.published.dawnbench.exporter import Submitter, export_entries, write_entries
from bench.errors import StoreError
from bench.record.documents import AnyDocument, Device, Evaluation, LeaseOpened, RecipeRef, Run, Target, policy_seconds
from tests.support import builders, small_store

WHO = Submitter("An Author", "author@example.org")
LEASE = small_store.a_lease(1)


def check(checkout: Path) -> int:
    """The rules of the checker of dawn-bench-entries for CIFAR-10 training; returns how many entries there are.

    The header is JSON with certain fields and a date as yyyy-mm-dd; beside it lies a TSV with just three columns
    and at least one row.
    """
    headers = sorted((checkout / "CIFAR10" / "train").glob("*.json"))
    for path in headers:
        header = json.loads(path.read_text())
        fields = {"version", "author", "authorEmail", "framework", "model", "hardware", "timestamp"}
        assert fields <= header.keys()
        datetime.strptime(header["timestamp"], "%Y-%m-%d")
        log = pd.read_csv(path.with_suffix(".tsv"), sep="\t")
        assert sorted(log.columns) == ["epoch", "hours", "top1Accuracy"]
        assert len(log) > 0
    return len(headers)


def a_run(number: int, **changes: Any) -> Run:
    """A run of three evaluated epochs that hit 94 % in the second, on the lease."""
    return builders.make_run(id=small_store.an_id(number), lease_id=LEASE.id, **changes)


def test_versions_of_a_recipe_are_entries_of_their_own() -> None:
    second = RecipeRef(name="myrtle", version=2, source_sha256="1" * 64)
    missed = builders.ending(0.93)
    documents: list[AnyDocument] = [
        LEASE,
        a_run(2),
        a_run(3, evaluations=missed),
        a_run(4, recipe=second),
        a_run(5, recipe=second),
    ]
    entries = export_entries(documents, WHO)
    facts = [
        (e.stem, e.header["model"], *(e.header["misc"][key] for key in ("runs of this kind", "runs that hit")))
        for e in entries
    ]
    assert facts == [
        ("An-Author_myrtle_1Tesla-V100_pytorch", "myrtle", 2, 1),
        ("An-Author_myrtle-v2_1Tesla-V100_pytorch", "myrtle v2", 2, 2),
    ]
    models = [entry.header["model"] for entry in export_entries(documents, WHO, all_runs=True)]
    assert models == ["myrtle", "myrtle v2", "myrtle v2"]


def test_a_processor_with_a_quota_is_another_machine() -> None:
    xeon = builders.make_run().device.model_copy(update={"kind": "cpu", "name": "Xeon", "count": 2})
    quota = builders.make_run().environment.model_copy(update={"cpu_quota": 2.5})
    entries = export_entries([LEASE, a_run(2, device=xeon), a_run(3, device=xeon, environment=quota)], WHO)
    assert [entry.header["misc"]["runs of this kind"] for entry in entries] == [1, 1]
    assert "quota 2.5" in entries[1].header["hardware"]


def test_what_ways_of_computing_took_makes_no_other_kind() -> None:
    """Each process measures it anew."""
    devices = [Device(kind="cuda", name="V100", path="graphs", compared={"graphs": took}) for took in (0.1, 0.2)]
    runs = [a_run(number, device=device) for number, device in enumerate(devices, 2)]
    (entry,) = export_entries([LEASE, *runs], WHO)
    assert entry.header["misc"]["runs of this kind"] == 2


def test_an_entry_reads_as_a_whole() -> None:
    (entry,) = export_entries([LEASE, a_run(2), a_run(3, seed=8, evaluations=builders.ending(0.93))], WHO)
    assert entry.stem == "An-Author_myrtle_1Tesla-V100_pytorch"
    assert entry.header == {
        "version": "v1.0",
        "author": "An Author",
        "authorEmail": "author@example.org",
        "framework": "PyTorch",
        "model": "myrtle",
        "hardware": "1 * Tesla V100 (aws p3.2xlarge)",
        "costPerHour": 3.06,
        "timestamp": "2026-11-22",
        "misc": {
            "bench run": small_store.an_id(2),
            "seed": 7,
            "precision": "float16",
            "clock": "prepare and train; evaluation not counted, nor loading and building, which were not recorded",
            "runs of this kind": 2,
            "runs that hit": 1,
        },
    }
    # 1 s of prepare, then 4 s an epoch.
    hours = [repr(seconds / 3600) for seconds in (5.0, 9.0, 13.0, 13.0)]
    rows = zip("1233", hours, ("90", "94.5", "94.8", "95"), strict=True)
    assert entry.log == "epoch\thours\ttop1Accuracy\n" + "".join("\t".join(row) + "\n" for row in rows)


def test_the_checker_takes_what_is_written_and_it_reads_back(tmp_path: Path) -> None:
    entries = export_entries(small_store.a_small_store(), WHO)
    written = write_entries(entries, tmp_path)
    assert check(tmp_path) == len(written) == len(entries) > 0
    read, errors = read_entries(tmp_path)
    assert errors == []
    assert [entry.author for entry in read] == ["An Author"] * len(entries)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(builders.runs())
def test_the_checker_takes_any_run_that_hit(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    folder = tmp_path_factory.mktemp("out")
    entries = export_entries([run], WHO)
    write_entries(entries, folder)
    assert check(folder) == len(entries) == int(run.hit and run.valid)


def test_the_time_read_off_is_that_of_the_dawnbench_clock(tmp_path: Path) -> None:
    run = a_run(2)
    write_entries(export_entries([LEASE, run], WHO), tmp_path)
    ((entry,), _) = read_entries(tmp_path)
    assert entry.time_to_target_s == pytest.approx(policy_seconds(run, "dawnbench"))
    assert LEASE.price is not None
    assert entry.cost_per_hour == LEASE.price.amount


def test_a_run_that_found_its_data_loaded_has_the_seconds_of_that_in_its_hours() -> None:
    """The second of a process takes a second less of training than its record says of the first."""
    first, second = export_entries(small_store.a_series(100, (60.0, 59.0)), WHO, all_runs=True)
    assert [entry.log.splitlines()[1].split("\t")[1] for entry in (first, second)] == [repr(60 / 3600), repr(59 / 3600)]
    clocks = {entry.header["misc"]["clock"] for entry in (first, second)}
    assert clocks == {"data, build, prepare and train; evaluation not counted"}


def test_the_first_hit_of_each_recipe_and_machine_is_exported_or_every_one() -> None:
    missed = a_run(2, evaluations=builders.ending(0.93))
    runs: list[AnyDocument] = [
        LEASE,
        missed,
        a_run(3),
        a_run(4),
        a_run(5, device=builders.make_run().device.model_copy(update={"count": 8})),
    ]
    assert [e.header["misc"]["bench run"] for e in export_entries(runs, WHO)] == [small_store.an_id(n) for n in (3, 5)]
    hits = export_entries(runs, WHO, all_runs=True)
    assert [e.header["misc"]["bench run"] for e in hits] == [small_store.an_id(n) for n in (3, 4, 5)]
    assert len({e.stem for e in hits}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed", "reason": "OOM"},
        {"evaluations": builders.ending(0.9399)},
        {"target": Target(at_least=0.94, dataset="cifar10-held-out-10000")},
        {
            "target": Target(at_least=0.6),
            "evaluations": (Evaluation(epoch=1, metrics={"accuracy": 0.65}, at=23, final=True),),
        },
        {"phases": (builders.PHASES[0].model_copy(update={"synchronised": False}), *builders.PHASES[1:])},
    ],
    ids=["failed", "missed", "other images", "lower target", "clock not synchronised"],
)
def test_a_run_that_is_no_entry_is_left_out(changes: dict[str, Any]) -> None:
    assert export_entries([LEASE, a_run(2, **changes)], WHO) == []


@pytest.mark.parametrize("lease", [small_store.a_lease(1, None), small_store.a_lease(1, currency="EUR")])
def test_a_price_that_is_unknown_or_not_in_dollars_is_left_out(lease: LeaseOpened) -> None:
    (entry,) = export_entries([lease, a_run(2)], WHO)
    assert "costPerHour" not in entry.header


def test_names_from_records_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    recipe = builders.present(builders.make_run().recipe).model_copy(update={"name": "../../../x\x1b[31m"})
    written = write_entries(export_entries([a_run(2, recipe=recipe)], WHO), tmp_path)
    assert [path.parent for path in written] == [tmp_path / "CIFAR10" / "train"]
    assert "\x1b" not in written[0].read_text()


def test_writing_again_changes_nothing_and_nothing_is_overwritten(tmp_path: Path) -> None:
    entries = export_entries([LEASE, a_run(2)], WHO)
    assert write_entries(entries, tmp_path) == write_entries(entries, tmp_path)
    with pytest.raises(StoreError, match=r"\.tsv: "):
        write_entries(export_entries([LEASE, a_run(3, evaluations=builders.ending(0.96))], WHO), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="/file"):
        write_entries([], tmp_path / "file")
