"""Markdown, CSV, JSON, Parquet and the page say the same numbers: what-if prices, energy and left-out seconds too."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from analysis.report.html import as_html
from analysis.report.render import render, rows_as_parquet
from analysis.report.report import Report, build_report
from analysis.tables.given_prices import Electricity, what_if_price
from bench.record.documents import POLICIES, Policy, Run
from bench.text import significant
from tests.support import page, small_store as a

# What a person reads in a row, by the beginning of the column's header: the number of the JSON, as it is rounded.
SHOWN = {
    "price,": ("price_per_hour",),
    "runs": ("runs",),
    "hits": ("hits",),
    "median time": ("time_s", "time_s_low", "time_s_high", "left_out_s"),
    "median train": ("train_cost", "train_cost_low", "train_cost_high"),
    "cost per success": ("cost_per_success", "cost_per_success_low", "cost_per_success_high"),
    "time ÷": ("time_ratio",),
    "cost ÷": ("cost_ratio",),
    "energy per": ("energy_kwh_per_success", "electricity_cost_per_success"),
    "what-if train": ("what_if_train_cost", "what_if_train_cost_low", "what_if_train_cost_high"),
    "what-if cost": (
        "what_if_cost_per_success",
        "what_if_cost_per_success_low",
        "what_if_cost_per_success_high",
    ),
}


@pytest.fixture(params=POLICIES)
def report(request: pytest.FixtureRequest) -> Report:
    """Of the small store, its GPU with energy, at prices that nobody paid, under each clock."""
    policy: Policy = request.param
    documents = [
        each.model_copy(update={"energy_joules": 1000.0 * number})
        if isinstance(each, Run) and each.device.kind == "cuda"
        else each
        for number, each in enumerate(a.a_small_store(), 1)
    ]
    return build_report(
        documents,
        policy=policy,
        which="claim",
        what_if=what_if_price("aws:p5.4xlarge"),
        electricity=Electricity(price_per_kwh=Decimal("0.30"), currency="EUR"),
    )


def test_all_formats_say_the_same_numbers(report: Report) -> None:
    in_json = json.loads(render(report, "json"))
    rows: list[dict[str, Any]] = in_json["rows"]
    assert in_json["electricity"] == {"price_per_kwh": 0.3, "currency": "EUR"}
    assert any(row["what_if_train_cost"] for row in rows)
    assert any(row["electricity_cost_per_success"] for row in rows)
    in_parquet = pq.read_table(io.BytesIO(rows_as_parquet(report.rows))).to_pylist()
    assert in_parquet == [{"schema_version": in_json["schema_version"], **row} for row in rows]
    for in_csv, row in zip(csv.DictReader(io.StringIO(render(report, "csv"))), rows, strict=True):
        assert {name: in_csv[name] for name in row} == {name: in_a_cell(value) for name, value in row.items()}
    header, _, *lines = table_of(render(report, "markdown"))
    full = page.cost_table_of(page.parse(as_html(report))).rows()
    for line, cells, row in zip(lines, full, rows, strict=True):
        for name, numbers in SHOWN.items():
            (place,) = (k for k, title in enumerate(header) if title.startswith(name))
            for number in numbers:
                if row[number]:
                    said = str(row[number]) if number in ("runs", "hits") else significant(row[number])
                    assert said in words(line[place]), (name, number)
                    assert said in words(cells[place]), (name, number)


def in_a_cell(value: object) -> str:
    """The value as a CSV of a report has it."""
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def table_of(markdown: str) -> list[list[str]]:
    """The cells of the first table, headers first."""
    lines = markdown.partition("**Leases: ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]


def words(cell: str) -> list[str]:
    """The words of a cell, without brackets and commas."""
    return cell.translate(str.maketrans("[](),", "     ")).split()
