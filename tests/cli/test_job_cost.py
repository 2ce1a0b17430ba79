"""What a job on this machine will cost, and what it did."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.cli.parts.job_cost import cost_table
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, Price
from bench.sweep.planning.duration import START, History, time_of_run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, on a machine that no metadata service is asked about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("SKYPILOT_CLUSTER_INFO", '{"cloud": "AWS", "region": "us-east-1"}')


def forecast(*words: str, **variables: str) -> dict[str, str]:
    result = CliRunner().invoke(cli, ["lease", "forecast", *words], env=variables)
    assert result.exit_code == 0, result.output
    return dict(line.split(": ", 1) for line in result.stdout.splitlines())


def test_a_job_is_priced_from_the_start_of_its_lease(nowhere: None) -> None:
    ago = f"{time.time() - 200:.0f}"
    said = forecast(
        "myrtle",
        *("--runs", "3", "--instance", "aws:p3.2xlarge", "--price-per-hour", "3600"),
        BENCH_ACCELERATORS="Tesla-V100-SXM2-16GB:1",
        BENCH_LEASE_STARTED=ago,
        BENCH_IDLE_MINUTES="5",
    )
    run = time_of_run("myrtle", "V100", 1, History())
    assert run is not None
    expected = 200 + START.expected + 4 * run.expected
    most = 200 + START.upper + 4 * run.upper + 300
    assert said["job"] == "3 runs each of myrtle on 1 x V100"
    seconds, upper, *_ = (float(word.strip(",")) for word in said["seconds"].split() if word.strip(",").isdecimal())
    assert [seconds, upper] == pytest.approx([expected, most], abs=30)
    cost, upper_cost = (float(word) for word in said["cost"].split() if word[0].isdecimal())
    # A dollar a second.
    assert [cost, upper_cost] == pytest.approx([seconds, upper], rel=0.01)


@pytest.mark.parametrize(
    "variables", [{}, {"BENCH_ACCELERATORS": "V100:1"}, {"BENCH_ACCELERATORS": "K80:1", "BENCH_PRICE_PER_HOUR": "1"}]
)
def test_what_is_not_known_is_said_to_be_unknown(nowhere: None, variables: dict[str, str]) -> None:
    assert forecast("myrtle", **variables)["cost"].startswith("unknown (")


def test_the_table_says_where_the_dollars_went() -> None:
    price = Price(amount=Decimal("3.60"), currency="EUR", source="test", seen=date(2026, 11, 1))
    before = (Phase(name="provision", start=0, stop=60), Phase(name="setup", start=60, stop=100))
    opened = LeaseOpened(provider="aws", price=price, started=NOW, started_source="provider", phases=before)
    closed = LeaseClosed(id=opened.id, stopped=NOW + timedelta(seconds=150))
    table = cost_table(opened, closed, [Phase(name="train", start=0, stop=45)], 5)
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line.strip()}
    assert rows["phase"] == ["seconds", "charged", "EUR"]
    assert rows["provision"] == ["60.0", "0.0", "0"]
    assert rows["setup"] == ["40.0", "40.0", "0.0400"]
    assert rows["train"] == ["45.0", "45.0", "0.0450"]
    assert rows["other"] == ["5.0", "5.0", "0.00500"]
    assert "150 s, 0.0900 EUR" in table
    assert "5 idle minutes, 0.300 EUR" in table


def test_the_table_of_a_machine_without_a_price_says_unknown() -> None:
    opened = LeaseOpened(provider="own", started=NOW)
    table = cost_table(opened, LeaseClosed(id=opened.id, stopped=NOW + timedelta(seconds=9)), [], None)
    assert table.split("other", 1)[1].split()[:3] == ["9.0", "9.0", "unknown"]
    assert "--price-per-hour" in table
