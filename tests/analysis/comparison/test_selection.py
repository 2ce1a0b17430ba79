"""Which runs a name selects, and what is said where it selects none."""

from __future__ import annotations

import re

import pytest

from analysis.comparison.compare import compare, select, slower
from analysis.frames.runs import runs_frame
from bench.errors import UsageError
from tests.support.pairs import SLOW, XEON, a_pair, compared, finding, series


def test_a_recipe_on_two_machines_is_compared_by_naming_them():
    documents = [*series("fast", 100, SLOW), *series("fast", 200, [2 * value for value in SLOW], device=XEON)]
    found = compared(documents, "fast@v100", "fast@xeon")
    assert finding(found, "time").text.startswith("fast@v100 is 2.00x faster than fast@xeon [")


def test_a_name_with_an_at_is_a_recipe_first():
    side = select(runs_frame(series("fast@home", 100, SLOW)), "fast@home", "here")
    assert (side.label, len(side.runs)) == ("fast@home", 12)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fats", "no run of 'fats' in here; did you mean fast?"),
        ("zzzzzz", "no run of 'zzzzzz' in here; it has fast, slow"),
        ("fast@A100", "no run of 'fast' on a machine called 'A100' in here; ran on: Tesla V100-SXM2-16GB"),
    ],
)
def test_an_unknown_selection_is_refused_with_what_there_is(name, said):
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        compared(a_pair(), name)


def test_an_empty_store_has_no_runs_at_all():
    with pytest.raises(UsageError, match="it has no runs at all"):
        compared([])


def test_runs_are_not_compared_with_themselves():
    with pytest.raises(UsageError, match="12 runs in common"):
        compared(a_pair(), "fast", "fast@V100")


def test_one_recipe_of_two_stores_is_told_apart():
    old, new = runs_frame(series("fast", 100, SLOW)), runs_frame(series("fast", 200, [1.1 * value for value in SLOW]))
    found = compare(select(new, "fast", "new"), select(old, "fast", "old"))
    assert finding(found, "time").text.startswith("fast (A) is 1.10x slower than fast (B) [")
    assert slower(found, 0.05) is True
    assert slower(found, 0.2) is False
    assert slower(found, 0.1) is None
