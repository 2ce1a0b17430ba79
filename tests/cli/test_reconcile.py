"""bench reconcile and bench export focus, as a user calls them; and the example in docs/reconcile.md."""

import csv
import os
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bench.record.documents import Accelerators, Bill, LeaseClosed, LeaseOpened, Phase, Price
from bench.store import FolderStore, read_all
from tests.support.types import Bench

DOCS = Path(__file__).parents[2] / "docs" / "reconcile.md"
LEASE = "019aa163-e400-7000-8000-000000000000"
START = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)


def example(kind: str) -> str:
    """The block of this kind in the page."""
    block: str
    (block,) = re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return block


@pytest.fixture
def november(tmp_path: Path) -> FolderStore:
    """The lease of the example in `results/local`, and its charges in `november.csv`."""
    store = FolderStore(str(tmp_path / "results" / "local"))
    store.put(
        LeaseOpened(
            id=LEASE,
            provider="aws",
            instance_type="p3.2xlarge",
            resource_id="i-0abc",
            accelerators=Accelerators(name="V100", count=1),
            started=START,
            started_source="provider",
            price=Price(amount="3.06", currency="USD", source="a list", seen=date(2026, 11, 1)),
            phases=(Phase(name="provision", start=0, stop=30),),
        )
    )
    store.put(LeaseClosed(id=LEASE, stopped=START + timedelta(seconds=254), stopped_source="provider"))
    (tmp_path / "november.csv").write_text(example("csv"))
    return store


def bills(store: FolderStore) -> list[Bill]:
    documents, errors = read_all(store)
    assert not errors
    return [document for document in documents if isinstance(document, Bill)]


def test_the_example_in_the_docs_prints_what_it_says(bench: Bench, november: FolderStore) -> None:
    command, _, printed = example("console").partition("\n")
    result = bench(*command.removeprefix("$ bench ").split())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == printed


def test_the_same_charges_read_again_change_nothing(bench: Bench, november: FolderStore) -> None:
    first = bench("reconcile", "--focus", "november.csv")
    (bill,) = bills(november)
    assert bench("reconcile", "--focus", "november.csv", "--focus", "november.csv").stdout == first.stdout
    assert bills(november) == [bill]
    assert bench("store", "verify").returncode == 0


def test_a_row_that_cannot_be_read_is_named_and_the_exit_code_is_5(
    bench: Bench, november: FolderStore, tmp_path: Path
) -> None:
    file = tmp_path / "november.csv"
    file.write_text(file.read_text().replace("0.1921", "much"))
    result = bench("reconcile", "--focus", "november.csv")
    assert result.returncode == 5
    assert result.stderr == "bench: november.csv:2: BilledCost cannot be 'much'; the row is not counted\n"
    assert "partial: a row could not be read" in result.stdout


def test_of_many_rows_that_cannot_be_read_twenty_are_named(bench: Bench, november: FolderStore, tmp_path: Path) -> None:
    file = tmp_path / "november.csv"
    header, charge, *others = file.read_text().replace("0.1921", "much").splitlines()
    file.write_text("\n".join([header, *[charge] * 30, *others]) + "\n")
    result = bench("reconcile", "--focus", "november.csv")
    assert result.returncode == 5
    *named, last = result.stderr.splitlines()
    assert [line.split(":")[2] for line in named] == [str(number) for number in range(2, 22)]
    assert last == "bench: 10 more rows cannot be read; not counted either"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", 2),
        ("--focus november.csv --cost-explorer", 2),
        ("--runpod --cost-explorer", 2),
        ("--focus other.csv", 2),
        ("--focus none.csv", 1),
        ("--focus november.csv --store nowhere", 1),
    ],
)
def test_a_mistake_stores_nothing(bench: Bench, november: FolderStore, tmp_path: Path, words: str, code: int) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    result = bench("reconcile", *words.split())
    assert (result.returncode, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr
    assert bills(november) == []


def test_estimates_go_out_as_focus_and_an_unknown_one_is_named(
    bench: Bench, november: FolderStore, tmp_path: Path
) -> None:
    open_lease = LeaseOpened(provider="aws", started=START)
    november.put(open_lease)
    result = bench("export", "focus", "-o", "estimates.csv")
    assert result.returncode == 0
    assert result.stderr == f"bench: lease {open_lease.id} is left out: the lease is not closed\n"
    (row,) = csv.DictReader((tmp_path / "estimates.csv").read_text().splitlines())
    assert (row["ListCost"], row["x_Estimated"]) == ("0.1904", "true")


def test_estimates_are_never_taken_for_a_bill(bench: Bench, november: FolderStore, tmp_path: Path) -> None:
    bench("export", "focus", "-o", "estimates.csv")
    assert bench("reconcile", "--export", "estimates.csv").returncode == 5
    assert bills(november) == []
    result = bench("reconcile", "--export", ".")
    assert (result.returncode, "0.1471 USD" in result.stdout) == (5, True)
    assert re.findall(r"\S+csv:\d|x_Estimated", result.stderr) == ["./estimates.csv:2", "x_Estimated"]
    assert [bill.billed_cost for bill in bills(november)] == [Decimal("0.1471")]


def test_a_day_that_has_not_come_yet_is_refused(bench: Bench, november: FolderStore) -> None:
    result = bench("reconcile", "--cost-explorer", "--since", "2126-11-01")
    assert result.returncode == 2
    assert "--since 2126-11-01" in result.stderr
    assert not bills(november)


# Bills as people have met them: the text of a charge, and what of the lease's bill is shown.
HEADER = example("csv").splitlines()[0]
MONTH, HOUR = "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z", "2026-11-20T12:00:00Z,2026-11-20T13:00:00Z"
LATER = f"1,USD,{MONTH},2026-11-23T12:00:00Z,2026-11-23T13:00:00Z,Usage,other,other,"
USED = f"0.1921,USD,{MONTH},{HOUR},Usage,p3.2xlarge,i-0abc,"
UTC_HOURS = "2026-11-01 00:00:00 UTC,2026-12-01 00:00:00 UTC,2026-11-20 12:00:00 UTC,2026-11-20 13:00:00 UTC"
PURCHASE = f"5000,USD,{MONTH},2026-11-01T00:00:00Z,2027-11-01T00:00:00Z,Purchase,savings plan,plan,"
TAGS = f'"bench-lease": "{LEASE}","env": "dev"'.replace('"', '""')  # as Azure writes them, in a CSV
TAGGED = f'0.1921,USD,{MONTH},{HOUR},Usage,NC6,vm-1,"{TAGS}"'


@pytest.mark.parametrize(
    ("extra", "rows", "shown"),
    [
        ("", [USED.replace("Usage", "usage"), LATER], "0.1921 USD complete"),
        ("", [f"0.1921,USD,{UTC_HOURS},Usage,n1,i-0abc,{{}}", LATER], "0.1921 USD complete"),
        ("", [USED], "0.1921 USD partial"),
        ("", [USED, PURCHASE], "0.1921 USD partial"),
        ("", [PURCHASE], "unknown none yet"),
        (",InvoiceId", [f"{USED},NULL", f"{LATER},7"], "0.1921 USD partial"),
        (",EffectiveCost,ListCost,ConsumedQuantity", [f"{USED}{',NULL' * 3}", f"{LATER},,,"], "0.1921 USD complete"),
        ("", [TAGGED, LATER], "0.1921 USD complete"),
        (
            ",EffectiveCost,PricingCategory",
            [f"{USED.replace('0.1921', '0')},0.13,Committed", f"{LATER},1,Standard"],
            "0.0000 USD complete paid by a commitment: effective cost 0.1300 USD",
        ),
    ],
    ids=["small letters", "UTC", "early", "purchase", "no charge yet", "no invoice", "NULL", "no braces", "commitment"],
)
def test_a_bill_is_taken_as_it_is(
    bench: Bench, november: FolderStore, tmp_path: Path, extra: str, rows: list[str], shown: str
) -> None:
    (tmp_path / "x.csv").write_text("\n".join([HEADER + extra, *rows]) + "\n")
    result = bench("reconcile", "--export", "x.csv")
    assert (result.returncode, result.stderr) == (0, "")
    for word in re.findall(r"[\d.]+ USD|\w+", shown):
        assert word in result.stdout
    assert ("complete" in result.stdout) == ("complete" in shown)


def test_a_later_export_that_says_less_counts_and_the_same_charges_are_no_new_bill(
    bench: Bench, november: FolderStore, tmp_path: Path
) -> None:
    later = LATER.replace("-23T", "-24T")
    for number, rows in enumerate(
        [[USED, LATER], [USED, later], [USED.replace("0.1921", "0.1000"), later], [USED, LATER]]
    ):
        (tmp_path / f"{number}.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        result = bench("reconcile", "--export", f"{number}.csv")
        assert ("0.1000 USD" in result.stdout) == (number >= 2), number
    assert sorted(bill.billed_cost for bill in bills(november)) == [Decimal("0.1000"), Decimal("0.1921")]


def test_a_correction_to_less_replaces_a_bill_and_the_older_export_read_again_does_not(
    bench: Bench, november: FolderStore, tmp_path: Path
) -> None:
    wrong = USED.replace("0.1921", "1.0000").replace("p3.2xlarge", "wrongly metered")
    for number, rows in enumerate(([USED, wrong, LATER], [USED, LATER])):
        (tmp_path / f"{number}.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        os.utime(tmp_path / f"{number}.csv", (number, number))
    printed = [bench("reconcile", "--export", f"{number}.csv").stdout for number in (0, 1, 1, 0)]
    assert [re.findall(r"[\d.]+ USD", table)[1] for table in printed] == ["1.1921 USD", *["0.1921 USD"] * 3]
    assert [table.count("1.1921 USD") for table in printed] == [1, 1, 0, 1]
    assert len(bills(november)) == 2


def test_a_bill_for_which_nothing_was_read_is_said(bench: Bench, november: FolderStore, tmp_path: Path) -> None:
    bench("reconcile", "--export", "november.csv")
    (tmp_path / "x.csv").write_text(f"{HEADER}\n{LATER}\n")
    result = bench("reconcile", "--export", "x.csv")
    assert "1 bill from earlier exports shown" in result.stdout


def test_two_runs_of_an_export_in_a_folder_count_once(bench: Bench, november: FolderStore, tmp_path: Path) -> None:
    for run in ("run-a", "run-b"):
        folder = tmp_path / "exports" / "20261101-20261130" / run
        folder.mkdir(parents=True)
        (folder / "part_0_0001.csv").write_text(example("csv"))
    result = bench("reconcile", "--export", "exports")
    assert (result.returncode, "0.1471 USD" in result.stdout, "run-b" in result.stdout) == (0, True, True)
    assert [bill.billed_cost for bill in bills(november)] == [Decimal("0.1471")]
