"""DuckDB, which knows nothing of bench, reads the compact layer as it lies and gives the report's numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.store import compact as layer, open_store
from tests.support.command import run_bench
from tests.support.small_store import a_small_store

QUERY = """
    SELECT recipe, price_amount::DOUBLE, pricing_category, count(*), count(*) FILTER (hit),
        avg(accuracy), median(airbench_s), median(airbench_s * price_amount::DOUBLE / 3600)
    FROM '{folder}/**/*.parquet'
    WHERE month = '2026-11'
    GROUP BY ALL
"""


def test_it_gives_the_numbers_of_the_report(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs DuckDB: pip install duckdb")
    store = open_store(tmp_path / "store")
    for document in a_small_store():
        store.put(document)
    layer.compact(store)
    found = duckdb.sql(QUERY.format(folder=tmp_path / "store" / layer.FOLDER)).fetchall()
    done = run_bench("report", "--format", "json", "--store", "store", cwd=tmp_path, env=os.environ)
    rows = [row for row in json.loads(done.stdout)["rows"] if row["kind"] == "measured"]
    assert len(found) == len(rows) == 3
    by_price = {each[1]: each for each in found}
    for row in rows:
        price = None if row["price_per_hour"] is None else float(row["price_per_hour"])
        recipe, _, category, runs, hits, *numbers = by_price[price]
        assert (recipe, category, runs, hits) == tuple(
            row[name] for name in ("recipe", "pricing_category", "runs", "hits")
        )
        shown = [row[name] for name in ("accuracy", "time_s", "train_cost")]
        assert numbers == [None if number is None else pytest.approx(float(number)) for number in shown]
