"""The four formats: whole outputs, the same numbers in all, and text that cannot break out of its cell."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import unicodedata
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.published.dawnbench.importer import read_entries
from analysis.report.flat_files import rows_as_parquet
from analysis.report.report import FORMATS, build_report, render
from bench.errors import UsageError
from bench.record.documents import Device, RecipeRef
from bench.text import _FORMULA, csv_cell, one_line, significant
from tests.support import small_store as a
from tests.support.checkouts import an_entry

EXPECTED = Path(__file__).parent / "expected"
SUFFIX = {"table": "txt", "markdown": "md", "csv": "csv", "json": "json"}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("store", ["small", "empty"])
def test_the_whole_output(store, form, monkeypatch):
    """With UPDATE_EXPECTED=1 in the environment the expected files are written anew: read the difference."""
    monkeypatch.setattr("bench.__version__", "0.1.0")
    report = build_report(a.a_small_store() if store == "small" else [])
    path = EXPECTED / f"{store}.{SUFFIX[form]}"
    found = render(report, form, terminal=False)
    if os.environ.get("UPDATE_EXPECTED"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_an_unknown_format_is_refused(report):
    with pytest.raises(UsageError, match="'xml' is no format of a report; there are table, markdown, csv, json"):
        render(report, "xml")


def csv_rows(report):
    return list(csv.DictReader(io.StringIO(render(report, "csv"))))


def markdown_rows(report):
    cost_table = render(report, "markdown").partition("**Leases: ")[0]
    lines = [line for line in cost_table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.fixture(params=["our runs", "with 31 imported entries"])
def said_alike(request, tmp_path):
    """A report to be written in every format: without and with what was imported, half of it without a price."""
    documents = a.a_small_store()
    if request.param != "our runs":
        for number in range(31):
            an_entry(
                tmp_path, f"entry-{number}", costPerHour=3.06 if number % 2 else None, hardware=f"{number} x <K80>"
            )
        documents += read_entries(tmp_path)[0]
    return build_report(documents)


def test_csv_json_and_parquet_say_the_same(said_alike):
    report = said_alike
    in_parquet = pq.read_table(io.BytesIO(rows_as_parquet(report.rows))).to_pylist()
    in_json = json.loads(render(report, "json"))
    assert [row.pop("schema_version") for row in in_parquet] == [in_json["schema_version"]] * len(report.rows)
    assert in_parquet == in_json["rows"]
    for in_csv, in_json in zip(csv_rows(report), json.loads(render(report, "json"))["rows"], strict=True):
        assert in_csv.pop("schema_version") == "1"
        assert list(in_csv) == list(in_json)
        for name, value in in_json.items():
            if isinstance(value, list):
                assert in_csv[name] == "; ".join(value)
            elif value is None:
                assert in_csv[name] == ""
            elif isinstance(value, float):
                assert float(in_csv[name]) == value
            else:
                assert in_csv[name] == str(value).lower() or in_csv[name] == str(value)


def test_parquet_has_the_same_types_whatever_is_unknown(report):
    def schema(rows):
        return pq.read_schema(io.BytesIO(rows_as_parquet(rows)))

    assert schema(report.rows) == schema(build_report([]).rows) == schema([])


def test_the_claims_are_in_the_json(report):
    checks = json.loads(render(report, "json"))["claims"]["checks"]
    assert [(check["id"], check["verdict"]) for check in checks[:2]] == [
        ("page-time", "not supported"),
        ("page-gpus", "supported"),
    ]


def test_markdown_says_the_numbers_of_json_rounded(said_alike):
    report = said_alike
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


@pytest.mark.parametrize("columns", ["80", "400"])
def test_every_cell_of_the_markdown_is_in_the_table_at_any_width(report, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    table = render(report, "table", terminal=True)
    for cells in markdown_rows(report):
        for cell in cells[2:]:
            assert all(word in table for word in cell.split())


def test_a_table_off_a_terminal_has_no_escape_codes(report):
    assert "\x1b" not in render(report, "table", terminal=False)
    assert "\x1b[1m" in render(report, "table", terminal=True)


def test_a_narrow_terminal_gets_every_row_as_a_list(report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    table = render(report, "table", terminal=True)
    assert "  cost per success, USD      0.0846\n" in table


def test_unknown_is_spelled_out_and_never_0(report):
    unpriced = next(row for row in markdown_rows(report) if "Xeon" in row[1])
    assert (unpriced[3], unpriced[9], unpriced[10]) == ("unknown",) * 3


def test_another_currency_is_named_in_the_cell():
    report = build_report([a.a_lease(1, "2.00", currency="EUR"), a.a_run(10, lease_id=a.an_id(1))])
    assert "2.00 EUR" in markdown_rows(report)[0][3]


def test_records_that_could_not_be_read_are_counted_in_a_footnote():
    report = build_report([], unreadable=2)
    assert "records that could not be read, and so are not counted: 2." in render(report, "table", terminal=False)


def hostile_report(text):
    device = Device(kind="cpu", name=text, precision="float32", path="eager")
    lease = a.a_lease(1, source=text, provider=text)
    return build_report(
        [lease, a.a_run(10, recipe=RecipeRef(name=text, source_sha256=""), device=device, lease_id=a.an_id(1))]
    )


hostile = pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "\t=1+1",
        "@SUM(1)",
        "+1",
        "-1",
        "＝1",  # noqa: RUF001 -- a full-width equals sign, which spreadsheets take too
        "a | b",
        "\\| b",
        "x\n| y |",
        "[red]red[/red]",
        "[/]",
        "\x1b[31mred\x1b[0m",
        "\x9b31m",
        "\u202egnp.exe",
        "<script>alert(1)</script>",
        "![x](http://example.org/x.png)",
        "`a`\u2028b",
    ],
)


@hostile
def test_text_of_records_cannot_break_a_format(text):
    report = hostile_report(text)
    for form in FORMATS:
        written = render(report, form, terminal=False)
        assert not set(written) & {"\x1b", "\x9b", "\u202e", "\u2028", "\r", "\t"}
    first = csv_rows(report)[0]
    assert not first["recipe"].startswith(_FORMULA)
    assert not first["machine"].startswith(_FORMULA)
    lines = render(report, "markdown").partition("**Leases: ")[0].splitlines()
    widths = {len(line.replace("\\\\", "").replace("\\|", "").split("|")) for line in lines if line.startswith("| ")}
    assert len(widths) == 1
    assert "<script" not in "\n".join(lines).replace("\\<", "")
    assert "](" not in "\n".join(lines).replace("\\]", "")


def test_rich_markup_is_shown_as_it_stands():
    assert "[red]red[/red]" in render(hostile_report("[red]red[/red]"), "table", terminal=False)


@given(st.text())
@settings(deadline=None)
def test_clean_text_is_one_visible_line(text):
    found = one_line(text)
    assert found == one_line(found)
    assert not {unicodedata.category(c) for c in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(found.splitlines()) <= 1


@given(st.text())
@settings(deadline=None)
def test_a_cell_of_a_spreadsheet_never_begins_a_formula(text):
    assert csv_cell(text)[:1] not in tuple("=+-@\t\r")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.00264036, "0.00264"),
        (0.2895, "0.290"),
        (Decimal("0.2895"), "0.290"),
        (74.041, "74.0"),
        (340.631, "341"),
        (4075.0, "4080"),
        (99.96, "100"),
        (1.0, "1.00"),
        (286013.964, "286000"),
    ],
)
def test_three_significant_digits_without_an_exponent(value, said):
    assert significant(value) == said


def test_no_torch_and_no_matplotlib_to_write_a_report():
    code = "import sys, analysis.report.report; sys.exit(any(m in sys.modules for m in ('torch', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
