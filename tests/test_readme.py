"""Every figure in the README's table comes from the records in this repository.

Set UPDATE_EXPECTED=1 to write the table anew.
"""

import os
from pathlib import Path

from analysis.render import render
from analysis.report import build_report
from bench.store import open_store, read_all

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- report of results/ -->\n", "<!-- end of report -->\n"


def test_the_readme_s_table_is_the_report_of_the_committed_records() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    documents, errors = read_all(open_store(ROOT / "results"))
    assert not errors
    table = render(build_report(documents), "markdown", terminal=False)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}{table}{END}{after}"
    if os.environ.get("UPDATE_EXPECTED"):
        readme.write_text(wanted)
    assert readme.read_text() == wanted
