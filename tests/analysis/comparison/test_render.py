"""A comparison as text: all formats say the same, of any runs and any names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comparison.compare import METRICS
from analysis.comparison.render import FORMATS, render
from analysis.frames.runs import runs_frame
from bench.errors import UsageError
from bench.record.documents import Device
from bench.record.policy import POLICIES
from tests.support.pairs import SLOW, a_pair, compared, series


def test_the_formats_say_the_same():
    found = compared(a_pair())
    content = json.loads(render(found, "json"))
    assert content["schema_version"] == 1
    for form in ("table", "markdown"):
        for each in content["findings"]:
            assert each["text"] in render(found, form)
        for note in content["notes"]:
            assert note.replace("|", "\\|") in render(found, form)
    assert [each["metric"] for each in content["findings"]] == list(METRICS)
    with pytest.raises(UsageError, match="'xml' is no format"):
        render(found, "xml")


@pytest.mark.parametrize(
    "text", ["a | b", "{}{0}", "\x1b[31mred", "x\n| y |", "<script>", "\u202egnp", "=1+1", "50 % {x}"]
)
def test_names_from_records_cannot_break_a_format(text):
    hostile = Device(kind="cpu", name=text, precision="float32", path="eager")
    documents = [*series(text, 100, SLOW), *series("slow", 200, [value * 2 for value in SLOW], device=hostile)]
    found = compared(documents, runs_frame(documents)["recipe"].map(select_name)[0])
    for form in FORMATS:
        assert not set(render(found, form)) & {"\x1b", "\u202e", "\r"}
    lines = render(found, "markdown").splitlines()
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert {len(row.split("|")) for row in rows} == {4}
    assert "<script" not in "\n".join(lines).replace("\\<", "")


def select_name(text):
    """The name as a report shows it, which is what a reader can type."""
    from bench.text import one_line

    return one_line(text)


@given(
    st.lists(st.tuples(st.floats(4, 1e4), st.floats(0, 1)), min_size=1, max_size=9),
    st.lists(st.tuples(st.floats(4, 1e4), st.floats(0, 1)), min_size=1, max_size=9),
    st.booleans(),
    st.sampled_from(POLICIES),
)
@settings(deadline=None, max_examples=12)
def test_any_runs_can_be_compared(one, two, turns, policy):
    documents = [
        *series("fast", 100, *zip(*one, strict=True)),
        *series("slow", 200, *zip(*two, strict=True), shared=100 if turns else None),
    ]
    found = compared(documents, policy=policy)
    for form in FORMATS:
        assert render(found, form)
    for each in found.findings:
        assert each.winner is None or min(each.n) >= 6
        assert each.inconclusive or each.interval.low <= each.estimate <= each.interval.high
