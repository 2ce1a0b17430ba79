"""A against B: what must be said beside it."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.record.documents import Phase, Series
from tests.support import small_store as a
from tests.support.pairs import SLOW, XEON, compared, finding, named, series


def test_what_accuracy_could_have_shown_is_said_where_it_shows_nothing():
    noise = [0.941 + 0.001 * (k % 4) for k in range(12)]
    found = compared([*series("fast", 100, SLOW, noise), *series("slow", 200, SLOW, noise[::-1])])
    assert "accuracy: at this n and spread, a true difference of 0.14 points would be seen" in " ".join(found.notes)


def test_other_machines_are_marked_in_the_sentence_and_in_a_note():
    found = compared([*series("fast", 100, SLOW), *series("slow", 200, SLOW, device=XEON)])
    assert finding(found, "time").text.endswith("; machines differ)")
    assert (
        "the machine differs: fast Tesla V100-SXM2-16GB; slow 2 x Xeon; this compares machines, not only recipes"
    ) in found.notes


def test_broken_runs_are_misses_and_are_said():
    broken = a.a_broken_run(300, recipe=named("fast"), series=Series(id=a.an_id(300), index=0, planned=1))
    found = compared([*series("fast", 100, SLOW), broken, *series("slow", 200, SLOW)])
    assert finding(found, "hits").n == (13, 12)
    assert finding(found, "time").n == (12, 12)
    assert "1 of fast did not complete: counted as misses, without a time" in found.notes


def test_a_run_whose_clock_cannot_be_trusted_is_left_out_and_said():
    loose = (Phase(name="train", start=0, stop=1, synchronised=False),)
    bad = a.a_run(300, phases=loose, recipe=named("fast"))
    found = compared([*series("fast", 100, SLOW), bad, *series("slow", 200, SLOW)])
    assert finding(found, "hits").n == (12, 12)
    assert any(note.startswith("1 of fast not counted") for note in found.notes)
    with pytest.raises(UsageError, match="no run of fast counts"):
        compared([bad, *series("slow", 200, SLOW)])


def test_repeated_seeds_are_said():
    again = [*series("fast", 100, SLOW), *series("fast", 150, SLOW), *series("slow", 200, SLOW)]
    assert any(note.startswith("12 of fast repeat a seed") for note in compared(again).notes)


def test_misses_without_a_time_are_said_under_a_clock_that_stops_at_the_target():
    missed = series("slow", 200, SLOW, [0.93] * 4 + [0.95] * 8)
    found = compared([*series("fast", 100, SLOW), *missed], policy="dawnbench")
    assert finding(found, "time").n == (12, 8)
    assert any("4 of slow completed without a time under the dawnbench clock" in note for note in found.notes)
