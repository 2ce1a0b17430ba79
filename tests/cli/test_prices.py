"""bench prices: what machines cost, as a user asks for it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.billing.offers.query import OLD_AFTER
from bench.billing.offers.render import render
from bench.billing.prices import Offer
from bench.record.documents import Accelerators
from tests.support.aws_stub import Aws, serve
from tests.support.types import Bench

TODAY = date(2026, 11, 22)
NOWHERE = {
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def offer(**changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "provider": "acme",
        "instance_type": "one",
        "accelerators": Accelerators(name=changes.pop("gpu", "H100"), count=changes.pop("gpus", 8)),
        "region": "east",
        "category": "Dynamic",
        "amount": Decimal("20.00"),
        "currency": "USD",
        "source": "test",
        "seen": TODAY,
    }
    return Offer(**(fields | changes))


class Account(NamedTuple):
    """An account of AWS, and the variables by which `bench` finds it."""

    seen: Aws
    environment: dict[str, str]


@pytest.fixture
def aws() -> Iterator[Account]:
    stand_in = Aws()
    with serve(stand_in) as environment:
        yield Account(stand_in, {**NOWHERE, **environment, "AWS_DEFAULT_REGION": "us-east-1"})


def test_the_book_alone_answers_off_line(bench: Bench) -> None:
    done = bench("prices", "--offline", "--gpu", "h100-80gb", "--cloud", "aws")
    assert done.returncode == 0
    assert done.stderr == ""
    instances = [line.split()[0] for line in done.stdout.splitlines() if "H100" in line]
    assert instances == ["aws:p5.48xlarge", "aws:p5.4xlarge"]
    assert "price book: AWS EC2 on-demand list price" in done.stdout


@pytest.mark.parametrize("style", ["csv", "json"])
def test_programs_read_every_digit(bench: Bench, style: str) -> None:
    done = bench("prices", "--offline", "--gpu", "A100", "--format", style)
    rows = list(csv.DictReader(done.stdout.splitlines())) if style == "csv" else json.loads(done.stdout)["prices"]
    row = next(row for row in rows if row["instance_type"] == "p4d.24xlarge")
    assert (row["per_hour"], row["per_gpu_hour"], row["currency"]) == ("21.957642", "2.74470525", "USD")
    assert (row["pricing_category"], row["seen"]) == ("Standard", "2025-10-01")
    assert row["stale"] in ("true", True)


def test_nothing_found_is_said_and_is_no_error(bench: Bench) -> None:
    done = bench("prices", "--offline", "Z9")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "bench: no matching price; see all with: bench prices\n"
    assert bench("prices", "--offline", "4090").stderr == "bench: no matching price; did you mean RTX4090?\n"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["H100", "--cloud", "amazon"], "lambda, "),
        (["H100", "--cloud", "lamda"], "lambda?"),
        (["H100:99"], "bench prices"),
    ],
)
def test_what_was_not_found_is_what_is_said(bench: Bench, words: list[str], named: str) -> None:
    done = bench("prices", "--offline", *words)
    assert (done.returncode, done.stdout) == (0, "")
    assert named in done.stderr
    assert "H100" not in done.stderr


def test_a_gpu_is_named_as_skypilot_names_it(bench: Bench) -> None:
    done = bench("prices", "--offline", "h100:8", "--cloud", "aws", "--format", "csv")
    assert [row["instance_type"] for row in csv.DictReader(done.stdout.splitlines())] == ["p5.48xlarge"]
    assert bench("prices", "--offline", "H100:no").returncode == 2
    assert bench("prices", "--offline", "H100", "--gpu", "V100").returncode == 2


def test_spot_prices_of_aws_stand_beside_no_on_demand_one(bench: Bench, aws: Account) -> None:
    done = bench("prices", "--spot", "--cloud", "aws", "--gpu", "V100", "--format", "json", **aws.environment)
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout)["prices"] if row["source"].startswith("AWS")]
    assert (row["per_hour"], row["pricing_category"], row["region"]) == ("0.48", "Dynamic", "us-east-1")
    assert row["stale"] is False


def test_a_price_of_nothing_is_unknown(bench: Bench, aws: Account) -> None:
    done = bench("prices", "--spot", "--cloud", "aws", "--gpu", "A100-80GB", **aws.environment)
    (line,) = [line for line in done.stdout.splitlines() if "p4de" in line]
    assert "unknown" in line
    assert "0.000" not in line


def test_a_source_without_permission_is_named_and_the_book_counts(bench: Bench, aws: Account) -> None:
    aws.seen.refuse = {"DescribeInstanceTypes"}
    done = bench("prices", "--cloud", "aws", "--gpu", "V100", **aws.environment)
    assert done.returncode == 0
    assert "p3.2xlarge" in done.stdout
    warnings = [line for line in done.stderr.splitlines() if "aws pricing" in line]
    assert len(warnings) == 1
    assert "UnauthorizedOperation" in warnings[0]
    assert "planted-secret" not in done.stderr + done.stdout


def test_without_credentials_the_book_counts_and_it_says_what_to_do(bench: Bench) -> None:
    done = bench("prices", "--cloud", "aws", "--gpu", "V100", **NOWHERE)
    assert done.returncode == 0
    assert "p3.2xlarge" in done.stdout
    assert "aws pricing" in done.stderr


@pytest.mark.slow
def test_a_source_that_hangs_is_left_behind_in_time(bench: Bench, aws: Account) -> None:
    aws.seen.hang = threading.Event()
    began = time.monotonic()
    done = bench("prices", "--cloud", "aws", "--gpu", "V100", **aws.environment)
    assert time.monotonic() - began < 60  # the limit is 10 s; the rest is for a busy machine
    assert done.returncode == 0
    assert "p3.2xlarge" in done.stdout
    assert "aws pricing" in done.stderr


def test_it_is_an_error_when_every_source_fails(tmp_path: Path) -> None:
    code = (
        "import bench.billing.offers.sources as c, bench.cli, sys\n"
        "def broken(query, until): raise OSError('disk gone')\n"
        "c.sources = lambda query, offline: {'price book': broken}\n"
        "sys.argv = ['bench', 'prices']\n"
        "bench.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "price book: OSError: disk gone" in done.stderr


def test_a_table_marks_what_is_stale_and_where_it_was_read() -> None:
    old = offer(seen=TODAY - timedelta(days=31), source="old list")
    lines = render([offer(), old], "table", TODAY, terminal=False).splitlines()
    fresh, stale = (line for line in lines if "acme" in line)
    assert "stale" not in fresh
    assert fresh.split()[-4:] == ["20.000", "2.500", "2026-11-22", "(1)"]
    assert "USD/h  USD/GPU-h" in lines[1]
    assert stale.split()[-3:] == ["2026-10-22,", "stale", "(2)"]
    assert "(2) old list" in lines


def test_a_table_says_from_which_day_on_it_ranks() -> None:
    since = TODAY - OLD_AFTER
    old = offer(seen=since - timedelta(days=1))
    told = f"seen before {since}: too old to be ranked with the newest, so listed last"
    assert told in render([offer(), old], "table", TODAY, terminal=False).splitlines()
    assert "ranked" not in render([offer(), offer(seen=since)], "table", TODAY, terminal=False)


def test_prices_in_several_currencies_each_say_theirs() -> None:
    text = render([offer(), offer(currency="EUR")], "table", TODAY, terminal=False)
    assert "price/h" in text
    assert "USD 20.000" in text
    assert "EUR 20.000" in text


def test_a_region_that_no_price_names_is_reported(bench: Bench) -> None:
    done = bench("prices", "--offline", "--region", "atlantis")
    assert (done.returncode, done.stderr.count("'atlantis'")) == (0, 1)
    assert bench("prices", "V100", "--offline", "--region", "us-east-1").stderr == ""


def test_no_prices_are_an_empty_table_and_an_empty_list() -> None:
    assert render([], "table", TODAY, terminal=False) == ""
    assert json.loads(render([], "json", TODAY, terminal=False))["prices"] == []
    assert len(render([], "csv", TODAY, terminal=False).splitlines()) == 1
