"""Notes to the rows of a cost table."""

from __future__ import annotations

import pytest

from analysis.frames.runs import runs_frame
from analysis.tables.footnotes import general_notes, run_notes
from bench.record.documents import POLICIES, Policy
from tests.support import small_store as a


def test_the_note_on_warnings_counts_the_runs_of_each_kind() -> None:
    """An H100 at its normal power limit is no other work on the machine."""
    warned = [
        ("GPU slowed down in 35% of the run: power limit", "load average 1.1 before the run: others use this machine"),
        ("GPU slowed down in 100% of the run: power limit", "another"),
        (),
    ]
    runs = [a.a_run(number, warnings=warnings) for number, warnings in enumerate(warned, 10)]
    assert run_notes(runs_frame(runs), "airbench")[-1] == (
        "2 runs recorded with warnings: GPU slowed down by its power limit (in 2), load of others on the machine "
        "(in 1), other warnings (in 1); see the records"
    )


@pytest.mark.parametrize(
    ("policy", "note"),
    [
        ("airbench", "left out of the time: setup 1.00 s, data 1.00 s, build 1.00 s, warmup 5.00 s"),
        ("dawnbench", "left out of the time: setup 1.00 s, warmup 5.00 s, 2.00 s between the counted phases"),
        ("cold", None),
    ],
)
def test_what_the_clock_leaves_out_is_told_phase_by_phase(policy: Policy, note: str | None) -> None:
    notes = run_notes(runs_frame(a.a_series(10, (60, 62))), policy)
    assert [each for each in notes if each.startswith("left out")] == ([note] if note else [])
    alone = run_notes(runs_frame([a.a_run(10)]), policy)  # the record of its process's first run is not there
    assert [each for each in alone if each.startswith("left out")] == []


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("programs", [True, False])
def test_misses_are_in_the_median_where_they_have_a_time(policy: Policy, programs: bool) -> None:
    notes = general_notes(policy, measured=True, programs=programs, shown=0, known=31, compared=False)
    missed = runs_frame([a.first_of_process(a.a_run(10, accuracy=0.93))])
    timed = bool(missed[f"{policy}_s"].notna().all())
    (time,) = [note for note in notes if note.startswith("time: ")]
    assert ("misses alike" in time, "of recipes" in time) == (timed, timed and programs)
