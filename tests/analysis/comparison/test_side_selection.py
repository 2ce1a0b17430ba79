"""Which runs a name selects, and what is named where it selects none."""

from __future__ import annotations

import pytest

from analysis.comparison.compare import compare, select, slower
from analysis.frames.runs import runs_frame
from bench.errors import UsageError
from tests.support.pairs import SLOW, XEON, a_pair, compared, finding, series


def test_a_recipe_on_two_machines_is_compared_by_naming_them() -> None:
    documents = [*series("fast", 100, SLOW), *series("fast", 200, [2 * value for value in SLOW], device=XEON)]
    comparison = compared(documents, "fast@v100", "fast@xeon")
    assert (comparison.a.label, comparison.b.label) == ("fast@v100", "fast@xeon")
    assert finding(comparison, "time").estimate == pytest.approx(2)


def test_a_name_with_an_at_is_a_recipe_first() -> None:
    side = select(runs_frame(series("fast@home", 100, SLOW)), "fast@home", "here")
    assert (side.label, len(side.runs)) == ("fast@home", 12)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("fats", "'fats' in here.* fast\\?"),
        ("zzzzzz", "'zzzzzz' in here.* fast, slow"),
        ("fast@A100", "'fast'.*'A100' in here.* Tesla V100-SXM2-16GB"),
    ],
)
def test_an_unknown_selection_is_refused_with_what_there_is(name: str, facts: str) -> None:
    with pytest.raises(UsageError, match=facts):
        compared(a_pair(), name)


def test_where_another_version_of_a_recipe_ran_there_it_is_named() -> None:
    documents = [*series("fast", 100, SLOW), *series("fast v3", 200, SLOW, device=XEON)]
    with pytest.raises(UsageError) as error:
        compared(documents, "fast@xeon")
    assert str(error.value).endswith("; ran on: Tesla V100-SXM2-16GB; did you mean 'fast v3@xeon'?")


def test_an_empty_store_has_no_runs_to_select() -> None:
    with pytest.raises(UsageError, match="'fast' in here"):
        compared([])


def test_runs_are_not_compared_with_themselves() -> None:
    with pytest.raises(UsageError, match="12 runs"):
        compared(a_pair(), "fast", "fast@V100")


def test_one_recipe_of_two_stores_is_told_apart() -> None:
    old, new = runs_frame(series("fast", 100, SLOW)), runs_frame(series("fast", 200, [1.1 * value for value in SLOW]))
    comparison = compare(select(new, "fast", "new"), select(old, "fast", "old"))
    assert (comparison.a.label, comparison.b.label) == ("fast (A)", "fast (B)")
    assert slower(comparison, 0.05) is True
    assert slower(comparison, 0.2) is False
    assert slower(comparison, 0.1) is None
