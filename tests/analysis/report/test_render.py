"""The four formats: whole outputs, and the same numbers in all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.published.dawnbench.entries import read_entries
from analysis.report.render import FORMATS, render, rows_as_parquet
from analysis.report.report import Report, build_report
from analysis.tables.cost_table import Row
from analysis.tables.given_prices import what_if_price
from bench.errors import UsageError
from bench.text import significant
from tests.support import small_store as a
from tests.support.checkouts import an_entry

EXPECTED = Path(__file__).parent / "expected"
SUFFIX = {"table": "txt", "markdown": "md", "csv": "csv", "json": "json"}


def rounded(text: str) -> str:
    """`text` with numbers to ten digits: two versions of scipy may differ in the last of all."""
    return re.sub(r"\d+\.\d{10,}", lambda number: f"{float(number[0]):.10g}", text)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("store", ["small", "empty", "what-if"])
def test_the_whole_output(store: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With UPDATE_EXPECTED=1 in the environment the expected files are written anew: read the difference."""
    monkeypatch.setattr("bench.__version__", "0.1.0")
    what_if = what_if_price("aws:p5.4xlarge") if store == "what-if" else None
    report = build_report([] if store == "empty" else a.a_small_store(), what_if=what_if)
    path = EXPECTED / f"{store}.{SUFFIX[form]}"
    found = render(report, form, terminal=False)
    if os.environ.get("UPDATE_EXPECTED"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert rounded(found) == rounded(path.read_text(encoding="utf-8"))


def test_an_unknown_format_is_refused(report: Report) -> None:
    with pytest.raises(UsageError, match=r"xml.*table, markdown, csv, json"):
        render(report, "xml")


def csv_rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(report, "csv"))))


def markdown_rows(report: Report) -> list[list[str]]:
    cost_table = render(report, "markdown").partition("**Leases: ")[0]
    lines = [line for line in cost_table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.fixture(params=["our runs", "with 31 imported entries"])
def report_to_compare(request: pytest.FixtureRequest, tmp_path: Path) -> Report:
    """A report to be written in every format: without and with what was imported, half of it without a price."""
    documents = a.a_small_store()
    if request.param != "our runs":
        for number in range(31):
            an_entry(
                tmp_path, f"entry-{number}", costPerHour=3.06 if number % 2 else None, hardware=f"{number} x <K80>"
            )
        documents += read_entries(tmp_path)[0]
    return build_report(documents)


def test_csv_json_and_parquet_say_the_same(report_to_compare: Report) -> None:
    report = report_to_compare
    in_parquet = pq.read_table(io.BytesIO(rows_as_parquet(report.rows))).to_pylist()
    in_json = json.loads(render(report, "json"))
    assert [row.pop("schema_version") for row in in_parquet] == [in_json["schema_version"]] * len(report.rows)
    assert in_parquet == in_json["rows"]
    for in_csv, row in zip(csv_rows(report), in_json["rows"], strict=True):
        assert in_csv.pop("schema_version") == "1"
        assert list(in_csv) == list(row)
        for name, value in row.items():
            if isinstance(value, list):
                assert in_csv[name] == "; ".join(value)
            elif value is None:
                assert in_csv[name] == ""
            elif isinstance(value, float):
                assert float(in_csv[name]) == value
            else:
                assert in_csv[name] == str(value).lower() or in_csv[name] == str(value)


def test_parquet_has_the_same_types_whatever_is_unknown(report: Report) -> None:
    def schema(rows: Sequence[Row]) -> object:
        return pq.read_schema(io.BytesIO(rows_as_parquet(rows)))

    assert schema(report.rows) == schema(build_report([]).rows) == schema([])


def test_the_claims_are_in_the_json(report: Report) -> None:
    checks = json.loads(render(report, "json"))["claims"]["checks"]
    assert [(check["id"], check["verdict"]) for check in checks[:2]] == [
        ("page-time", "not supported"),
        ("page-gpus", "supported"),
    ]


def test_markdown_says_the_numbers_of_json_rounded(report_to_compare: Report) -> None:
    report = report_to_compare
    assert [("(published)" in cells[0]) for cells in markdown_rows(report)] == [
        row.kind == "published" for row in report.rows
    ]
    for cells, row in zip(markdown_rows(report), json.loads(render(report, "json"))["rows"], strict=True):
        said = " | ".join(cells)
        for name in ("price_per_hour", "train_cost", "cost_per_success", "time_s", "time_s_low", "time_ratio"):
            assert row[name] is None or significant(row[name]) in said
        for name in ("accuracy", "accuracy_low", "accuracy_high"):
            assert row[name] is None or f"{100 * row[name]:.2f}" in said
        assert cells[4].split(" ")[0] == str(row["runs"])
        assert cells[5] == str(row["hits"])


@pytest.mark.parametrize("columns", ["60", "400"])
def test_every_cell_of_the_markdown_is_in_the_table_at_any_width(
    report: Report, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    table = render(report, "table", terminal=True)
    for cells in markdown_rows(report):
        for cell in cells[2:]:
            assert all(word in table for word in cell.split())


def test_unknown_is_spelled_out_and_never_0(report: Report) -> None:
    unpriced = next(row for row in markdown_rows(report) if "Xeon" in row[1])
    assert (unpriced[3], unpriced[9], unpriced[10]) == ("unknown",) * 3


def test_another_currency_is_named_in_the_cell() -> None:
    report = build_report([a.a_lease(1, "2.00", currency="EUR"), a.a_run(10, lease_id=a.an_id(1))])
    assert "2.00 EUR" in markdown_rows(report)[0][3]


def test_records_that_could_not_be_read_are_counted_in_a_footnote() -> None:
    report = build_report([], unreadable=2)
    assert "records that could not be read and are not counted: 2." in render(report, "table", terminal=False)


@pytest.mark.slow
def test_no_torch_and_no_matplotlib_to_write_a_report() -> None:
    code = "import sys, analysis.report.report; sys.exit(any(m in sys.modules for m in ('torch', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
