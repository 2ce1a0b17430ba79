"""What a sample says of a whole run: by hand, and what it refuses to say."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from analysis.samples.rate import rate_of
from analysis.samples.samples import SampleRow, sample_rows
from bench.record.documents import LeaseOpened, Phase, Price, Run, StepProgress, new_id
from tests.support.program_runs import LOSS, PROGRESS, losses, make_program_run

# 3.6 an hour is 1/1000 a second. Waiting 60 s, set-up 30 s and 10 s.
LEASE = LeaseOpened(
    provider="own",
    price=Price(amount=Decimal("3.6"), currency="USD", source="a list", seen=date(2026, 11, 1)),
    started=datetime(2026, 11, 22, 12, tzinfo=UTC),
    phases=(
        Phase(name="provision", start=0, stop=60),
        Phase(name="setup", start=60, stop=90),
        Phase(name="data", start=90, stop=100),
    ),
)


def progress(points: list[tuple[float, int]], **changes: Any) -> StepProgress:
    shown = {"points": points, "first_step": points[0][1], "last_step": points[-1][1]}
    return StepProgress(**(PROGRESS.model_dump() | shown | changes))


def sample(**changes: Any) -> Run:
    """A sample of 100 of 1000 steps of 0.5 s, the first of which began 5 s after the start."""
    return make_program_run(**({"ended": "sampled", "evaluations": (), "lease_id": LEASE.id} | changes))


def row_of(*runs: Run, total: int | None = None) -> SampleRow:
    (row,) = sample_rows(runs, [LEASE], total)
    return row


def test_a_whole_run_is_start_up_and_steps_and_what_comes_before() -> None:
    row = row_of(sample())
    assert (row.step_s, row.start_up_s, row.set_up_s, row.total_steps) == (0.5, 5.0, 100.0, 1000)
    assert row.hours == pytest.approx((100 + 5 + 500) / 3600)
    assert row.hours_interval is not None
    assert row.hours_interval.low == pytest.approx(row.hours)
    assert row.cost_per_1000_steps == Decimal("0.5")
    assert row.cost == Decimal("0.605")
    assert (row.steps, row.step_p10_s, row.step_p90_s) == (99, 0.45, 0.6)


def test_pauses_are_in_the_rate() -> None:
    points = [(5 + step / 2 + 10 * (step // 25), step) for step in range(1, 101)]
    rate = rate_of([sample(progress=progress(points))])
    assert rate is not None
    assert rate.seconds == pytest.approx((99 / 2 + 40) / 99)


def test_a_program_that_resumes_has_the_start_up_of_its_own_steps() -> None:
    points = [(5 + (step - 500) / 2, step) for step in range(501, 601)]
    row = row_of(sample(progress=progress(points), resumed_from=500))
    assert row.start_up_s == 5.0


def test_less_than_thirty_steps_have_no_interval() -> None:
    row = row_of(sample(progress=progress([(5 + step, step) for step in range(1, 31)])))
    assert (row.hours_interval, row.cost_interval) == (None, None)
    assert row.hours is not None
    assert "29 steps: too few for an interval, which needs 30" in row.notes


def test_halves_that_differ_have_no_interval() -> None:
    points = [(step * 0.5 if step <= 50 else 25 + (step - 50) * 0.6, step) for step in range(1, 101)]
    row = row_of(sample(progress=progress(points)))
    assert row.hours_interval is None
    assert any("halves of the window differ by 20 %" in note or "differ by 21 %" in note for note in row.notes)


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, True),
        ({"target": None}, False),
        ({"evaluations": losses(4.0)}, False),
        ({"phases": (Phase(name="train", start=0, stop=9), Phase(name="evaluate", start=9, stop=60))}, False),
    ],
)
def test_a_sample_with_a_target_and_without_an_evaluation_says_so(changes: dict[str, Any], warned: bool) -> None:
    assert any("no evaluation" in note for note in row_of(sample(**changes)).notes) == warned


def test_what_is_unknown_is_not_made_up() -> None:
    row = row_of(sample(progress=progress(list(PROGRESS.points), total_steps=None, total_source=None)))
    assert (row.total_steps, row.hours, row.cost) == (None, None, None)
    assert row_of(sample(lease_id=new_id())).cost is None
    assert row_of(sample(lease_id=new_id())).set_up_s is None


def test_a_total_of_the_users_own_counts() -> None:
    assert row_of(sample(), total=2000).hours == pytest.approx((100 + 5 + 1000) / 3600)


def test_like_samples_are_put_together_and_unlike_ones_are_not() -> None:
    slower = progress([(5 + step, step) for step in range(1, 101)])
    row = row_of(sample(), sample(progress=slower))
    assert row.samples == 2
    assert row.step_s == pytest.approx(0.75)
    other = sample(device=sample().device.model_copy(update={"name": "H100"}))
    assert len(sample_rows([sample(), other], [LEASE])) == 2


def test_samples_that_count_something_else_or_nothing_are_not_put_together() -> None:
    epochs = sample(progress=progress([(5.0 * epoch, epoch) for epoch in range(1, 4)], unit="epoch"))
    rows = sample_rows([sample(progress=None), sample(), epochs], [LEASE])
    assert sorted((row.unit, row.samples) for row in rows) == [("epoch", 1), ("step", 1)]


def test_the_step_at_the_target_is_that_of_whole_runs() -> None:
    assert row_of(sample(), make_program_run(target=LOSS)).step_at_target == 40


def test_whole_runs_alone_are_no_samples() -> None:
    assert sample_rows([make_program_run()], [LEASE]) == []
    assert sample_rows([sample(progress=None)], [LEASE]) == []
