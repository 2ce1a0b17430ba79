"""Every figure in the README's table comes from the records in this repository.

Set UPDATE_EXPECTED=1 to write the table anew.
"""

from pathlib import Path

from analysis.report.render import render
from analysis.report.report import build_report
from bench.store import open_store, read_all
from tests.support.between import assert_between

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- report of results/ -->\n", "<!-- end of report -->\n"


def test_the_readme_s_table_is_the_report_of_the_committed_records() -> None:
    documents, errors = read_all(open_store(ROOT / "results"))
    assert not errors
    table = render(build_report(documents), "markdown", terminal=False)
    assert_between(ROOT / "README.md", BEGIN, END, table)
