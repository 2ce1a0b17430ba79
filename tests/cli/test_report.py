"""bench report: several stores, published entries beside our runs, and every format."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from analysis.published.dawnbench.entries import published_documents
from bench.lease.machine import MachineOptions, lease_by_options
from bench.record.documents import LeaseClosed, Run
from bench.store import open_store
from bench.text import significant
from tests.support.command import Done
from tests.support.types import Bench

MakeRun = Callable[..., Run]


@pytest.fixture
def stores(tmp_path: Path, make_run: MakeRun) -> None:
    """`ours` with a run, `theirs` with all 31 entries of DAWNBench."""
    open_store(tmp_path / "ours").put(make_run())
    for entry in published_documents():
        open_store(tmp_path / "theirs").put(entry)


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    content: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return content["rows"]


def test_one_command_shows_our_runs_and_what_was_imported(bench: Bench, stores: None, tmp_path: Path) -> None:
    both = ("--store", "ours", "--store", "theirs")
    found = rows(bench("report", *both, "--format", "json"))
    assert [row["kind"] for row in found] == ["measured"] + ["published"] * 31
    in_csv = list(csv.DictReader(io.StringIO(bench("report", *both, "--format", "csv").stdout)))
    assert [float(row["time_s"]) for row in in_csv] == [row["time_s"] for row in found]
    bench("report", *both, "--format", "parquet", "-o", "report.parquet")
    assert [row["time_s"] for row in pq.read_table(tmp_path / "report.parquet").to_pylist()] == [
        row["time_s"] for row in found
    ]
    assert bench("report", *both, "--format", "html", "-o", "report.html").stdout == ""
    assert (tmp_path / "report.html").read_text().count('<tr class="published">') == 31


FIRST_BYTES = {
    "rep.html": b"<!doctype html>",
    "rep.HTM": b"<!doctype html>",
    "rep.md": b"**",
    "rep.csv": b"schema_version,",
    "rep.json": b"{",
    "rep.parquet": b"PAR1",
    "rep.txt": b"Time",
    "rep": b"Time",
}


@pytest.mark.parametrize("name", FIRST_BYTES)
def test_the_suffix_of_a_file_is_its_format(name: str, bench: Bench, stores: None, tmp_path: Path) -> None:
    done = bench("report", "--store", "ours", "-o", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / name).read_bytes().startswith(FIRST_BYTES[name])


def test_a_format_that_is_given_counts_and_one_that_a_command_lacks_is_refused(
    bench: Bench, stores: None, tmp_path: Path
) -> None:
    for words in (("--format", "table", "-o", "a.html"), ("-o", "a.html", "--format", "table")):
        assert bench("report", "--store", "ours", *words).returncode == 0
        assert (tmp_path / "a.html").read_bytes().startswith(b"Time")
    assert bench("claims", "-o", "b.json").returncode == 0
    assert len(json.loads((tmp_path / "b.json").read_text())) > 1
    done = bench("claims", "-o", "c.csv")
    assert (done.returncode, (tmp_path / "c.csv").exists()) == (2, False)
    assert bench("claims", "-o", "c.csv", "--format", "table").returncode == 0


def test_a_table_to_read_shows_some_of_many_and_says_so(bench: Bench, stores: None) -> None:
    table = bench("report", "--store", "theirs").stdout
    assert table.count("(published)") == 12
    assert "David Page" in table
    assert "not shown: 19" in table
    assert "--published stored" in table
    assert bench("report", "--store", "theirs", "--published", "stored").stdout.count("(published)") == 31


@pytest.mark.parametrize(("which", "count"), [("none", 0), ("claim", 4), ("stored", 4), ("all", 31)])
def test_the_entries_that_come_with_bench_need_no_import(bench: Bench, stores: None, which: str, count: int) -> None:
    found = rows(bench("report", "--store", "ours", "--published", which, "--format", "json"))
    assert len(found) == 1 + count


def test_a_store_named_in_the_environment_may_hold_spaces(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "two words").put(make_run())
    assert len(rows(bench("report", "--published", "none", "--format", "json", BENCH_STORE="two words"))) == 1


def test_an_entry_that_was_altered_is_named_and_the_rest_is_shown(bench: Bench, stores: None, tmp_path: Path) -> None:
    path = min((tmp_path / "theirs" / "v1" / "published").glob("*.json"))
    path.write_bytes(path.read_bytes().replace(b"DAWN", b"dawn"))
    done = bench("report", "--store", "ours", "--store", "theirs", "--format", "json")
    assert done.returncode == 5
    assert path.name in done.stderr
    assert json.loads(done.stdout)["footnotes"][0].endswith("not counted: 1.")


def test_a_rented_machine_has_its_lease_in_the_report_and_a_corrupt_one_is_named_once(
    bench: Bench, tmp_path: Path, make_run: MakeRun
) -> None:
    store = open_store(tmp_path / "store")
    lease = lease_by_options(MachineOptions("aws:p3.2xlarge", "3.06"))
    ended = LeaseClosed(id=lease.id, stopped=lease.started + timedelta(seconds=600))
    for document in (lease, ended, make_run(lease_id=lease.id)):
        store.put(document)
    for style in ("table", "markdown", "html"):
        done = bench("report", "--store", "store", "--format", style)
        assert done.returncode == 0, done.stderr
        assert "Leases: what was paid for" in done.stdout
    (row,) = json.loads(bench("report", "--store", "store", "--format", "json").stdout)["leases"]["rows"]
    assert (row["estimate"], row["cost_per_success"], row["parts_priced"]) == (0.51, 0.51, 1)
    path = tmp_path / "store" / lease.key()
    path.write_bytes(path.read_bytes().replace(b"3.06", b"0.06"))
    done = bench("report", "--store", "store", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["leases"]["rows"]) == (5, [])
    assert done.stderr.count(lease.id) == 1


def test_a_what_if_price_is_in_every_format_the_same(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "ours").put(make_run())
    asked = ("report", "--store", "ours", "--published", "none", "--price-per-hour", "7.20", "--spot", "--format")
    content = json.loads(bench(*asked, "json").stdout)
    (row,) = content["rows"]
    assert content["what_if"] == {
        "price_per_hour": 7.2,
        "currency": "USD",
        "pricing_category": "Dynamic",
        "source": "given by the user",
        "seen": None,
        "instance": None,
        "accelerators": None,
    }
    assert (row["train_cost"], row["what_if_train_cost"]) == (None, pytest.approx(row["time_s"] * 0.002))
    bench(*asked, "parquet", "-o", "report.parquet")
    assert pq.read_table(tmp_path / "report.parquet").to_pylist() == [{"schema_version": 1, **row}]
    (in_csv,) = csv.DictReader(io.StringIO(bench(*asked, "csv").stdout))
    assert float(in_csv["what_if_train_cost"]) == row["what_if_train_cost"]
    assert in_csv["what_if_pricing_category"] == "Dynamic"
    shown = significant(row["what_if_train_cost"])
    for style, cell in (("table", f" {shown} "), ("markdown", f"| {shown} |"), ("html", f">{shown}</td>")):
        assert cell in bench(*asked, style).stdout


def test_what_the_machine_is_in_the_environment_is_no_what_if(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "ours").put(make_run())
    done = bench("report", "--store", "ours", "--format", "json", BENCH_PRICE_PER_HOUR="3", BENCH_SPOT="1")
    assert json.loads(done.stdout)["what_if"] is None


def test_an_instance_that_the_price_book_lacks_is_one_line_with_what_is_near(bench: Bench) -> None:
    done = bench("report", "--instance", "aws:p5.5xlarge")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "aws:p5.4xlarge" in done.stderr


@pytest.mark.slow
def test_open_shows_the_page_in_the_browser_and_leaves_it_there(
    bench_process: Bench, stores: None, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/shown"\n')
    browser.chmod(0o700)
    (tmp_path / "pages").mkdir()
    settings = {"BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path / "pages")}
    done = bench_process("report", "--store", "ours", "--open", **settings)
    assert (done.returncode, done.stdout) == (0, "")
    (page,) = (tmp_path / "pages").glob("bench-report-*.html")
    assert (tmp_path / "shown").read_text().strip() == page.as_uri()
    assert page.read_text().startswith("<!doctype html>")
    bench_process("report", "--store", "ours", "--open", "-o", "named.html", **settings)
    assert (tmp_path / "shown").read_text().strip() == (tmp_path / "named.html").as_uri()


@pytest.mark.slow
def test_without_a_browser_open_names_the_page(bench_process: Bench, stores: None, tmp_path: Path) -> None:
    done = bench_process("report", "--store", "ours", "--open", "-o", "named.html", PATH="", BROWSER="")
    assert done.returncode == 1
    assert "named.html" in done.stderr
    assert (tmp_path / "named.html").exists()


def test_open_takes_no_other_format(bench: Bench, stores: None) -> None:
    assert bench("report", "--store", "ours", "--open", "--format", "csv").returncode == 2


def test_a_price_of_electricity_needs_no_what_if_price(bench: Bench, tmp_path: Path, make_run: MakeRun) -> None:
    open_store(tmp_path / "ours").put(make_run(energy_joules=3.6e6))
    asked = ("report", "--store", "ours", "--published", "none", "--format", "json", "--currency", "EUR")
    content = json.loads(bench(*asked, "--price-per-kwh", "0.30").stdout)
    (row,) = content["rows"]
    assert (row["electricity_cost_per_success"], row["electricity_currency"], content["what_if"]) == (0.3, "EUR", None)
    assert bench(*asked).returncode == 2
    assert bench(*asked, "--price-per-kwh", "cheap").returncode == 2


# What Windows' Python lacks of what a report may come by.
_NOT_ON_WINDOWS = """
import os, signal, sys, time
gone = {
    os: ("getuid", "geteuid", "sched_getaffinity", "getloadavg", "killpg", "sysconf", "fork", "O_NOFOLLOW", "statvfs"),
    signal: ("SIGHUP", "SIGUSR1", "SIGKILL", "pthread_sigmask", "SIGALRM", "SIGPIPE"),
    time: ("clock_gettime", "CLOCK_BOOTTIME"),
}
for module, names in gone.items():
    for name in names:
        vars(module).pop(name, None)
for name in ("fcntl", "termios", "resource", "pwd", "grp", "tty"):
    sys.modules[name] = None
sys.argv = ["bench", "report", "--store", "theirs", "--format", "json"]
from bench.cli import main
main()
"""


@pytest.mark.slow
def test_a_report_needs_nothing_that_windows_lacks(stores: None, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOT_ON_WINDOWS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["rows"]) == 31
