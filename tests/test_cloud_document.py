"""The tables of docs/cloud.md are what `bench plan docs/examples/… --offline --store results --format markdown` says.

Set UPDATE_EXPECTED=1 to write them anew: from the price book, the task files and the records in this repository.
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from bench.store import open_store
from bench.sweep.planning.duration import read_history
from bench.sweep.planning.plan import ask_all, plan_sweep
from bench.sweep.planning.render import render
from bench.sweep.spec import load
from tests.support.between import assert_between

ROOT = Path(__file__).parents[1]
END = "<!-- end of plan -->\n"


@pytest.mark.parametrize("example", ["docs/examples/gpus.yaml", "docs/examples/eight-gpus.yaml"])
def test_a_table_is_the_plan_of_its_example(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # task files are looked for where bench is called
    sweep = load(example)
    history, errors = read_history([open_store("results")], sweep.recipes)
    assert not errors
    done = plan_sweep(sweep, history, partial(ask_all, offline=True))
    table = render(done, "markdown", datetime.now(UTC).date(), terminal=False)
    assert_between(ROOT / "docs" / "cloud.md", f"<!-- plan of {example} -->\n", END, table)
