"""A comparison as text: whole outputs, and formats that no runs and no names can break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from analysis.comparison.compare import FORMATS, METRICS, Format, render
from bench.errors import UsageError
from bench.record.documents import POLICIES, Device, Policy
from bench.text import one_line
from tests.support import small_store as a
from tests.support.pairs import SLOW, a_pair, compared, series

EXPECTED = Path(__file__).parent / "expected"


def rounded(text: str) -> Any:
    return json.loads(text, parse_float=lambda number: f"{float(number):.9g}")


@pytest.mark.parametrize(("form", "name"), [("table", "pair.txt"), ("markdown", "pair.md"), ("json", "pair.json")])
def test_the_whole_output(form: Format, name: str) -> None:
    """After a change that is meant: read the difference, then write the new text into the file."""
    accuracies = [0.935 + k / 1000 for k in range(12)]
    comparison = compared([a.a_lease(1), *a_pair(lease_id=a.an_id(1), accuracies=accuracies)])
    assert [finding.metric for finding in comparison.findings] == list(METRICS)
    text, expected = render(comparison, form), (EXPECTED / name).read_text(encoding="utf-8")
    if form == "json":  # in full, so that the last digits are those of the libraries' versions
        assert rounded(text) == rounded(expected)
    else:
        assert text == expected


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="'xml'"):
        render(compared(a_pair()), "xml")


@pytest.mark.parametrize(
    "text", ["a | b", "{}{0}", "\x1b[31mred", "x\n| y |", "<script>", "\u202egnp", "=1+1", "50 % {x}"]
)
def test_names_from_records_cannot_break_a_format(text: str) -> None:
    hostile = Device(kind="cpu", name=text, precision="float32", path="eager")
    documents = [*series(text, 100, SLOW), *series("slow", 200, [value * 2 for value in SLOW], device=hostile)]
    comparison = compared(documents, one_line(text))
    for form in FORMATS:
        assert not set(render(comparison, form)) & {"\x1b", "\u202e", "\r"}
    lines = render(comparison, "markdown").splitlines()
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert {len(row.split("|")) for row in rows} == {4}
    assert "<script" not in "\n".join(lines).replace("\\<", "")


def columns(runs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [seconds for seconds, _ in runs], [accuracy for _, accuracy in runs]


runs = st.lists(st.tuples(st.floats(4, 1e4), st.floats(0, 1)), min_size=1, max_size=9)


@pytest.mark.slow
@given(runs, runs, st.booleans(), st.sampled_from(POLICIES))
@settings(deadline=None, max_examples=12)
def test_any_runs_can_be_compared(
    runs_a: list[tuple[float, float]], runs_b: list[tuple[float, float]], interleaved: bool, policy: Policy
) -> None:
    documents = [
        *series("fast", 100, *columns(runs_a)),
        *series("slow", 200, *columns(runs_b), shared=100 if interleaved else None),
    ]
    comparison = compared(documents, policy=policy)
    for form in FORMATS:
        assert render(comparison, form)
    for finding in comparison.findings:
        assert finding.winner is None or min(finding.n) >= 6
        if not finding.inconclusive:
            assert finding.interval is not None
            assert finding.estimate is not None
            assert finding.interval.low <= finding.estimate <= finding.interval.high
