"""What the points of a source amount to."""

import math

import pytest

from bench.programs.job import Target
from bench.programs.progress import Point
from bench.programs.watching.track import Track, ValueAt


def track_of(*points: Point, target: Target | None = None) -> Track:
    track = Track("words", target)
    for point in points:
        track.add(point)
    return track


@pytest.mark.parametrize(
    ("steps", "resumed_from", "done"),
    [
        ([1, 2, 3], None, 3),
        ([100, 200, 300], None, 300),
        ([501, 502, 503], 500, 3),
        ([5500, 6000, 6500], 5000, 1500),
        ([7], None, 0),
        ([5010, 5020], 5000, 20),
        ([1, 2, 3, 60, 41, 42, 43], None, 43),  # it was restarted, and began at 0 all the same
        ([], None, 0),
    ],
)
def test_where_a_program_began(steps: list[int], resumed_from: int | None, done: int) -> None:
    track = track_of(*(Point(float(at), step) for at, step in enumerate(steps)))
    assert (track.resumed_from, track.done) == (resumed_from, done)


def test_seconds_a_step_are_taken_over_stretches_that_a_clock_can_measure() -> None:
    track = track_of(*(Point(step * 0.01, step) for step in range(1, 101)))
    assert track.stretches.quantile(0.5) == pytest.approx(0.01)
    assert 99 // 11 <= track.stretches.seen <= 99 // 10  # of 10 or 11 steps each


def test_steps_that_go_back_begin_anew() -> None:
    track = track_of(Point(1, 10), Point(2, 20), Point(3, 5), Point(4, 15))
    assert track.went_back == (20, 5)
    assert [step for _, step in track.steps.items()] == [5, 15]


def test_a_late_line_of_another_rank_is_no_step_back() -> None:
    steps = [10, 10, 20, 10, 20, 30, 20, 20, 30, 40]
    track = track_of(*(Point(float(at), step) for at, step in enumerate(steps)))
    assert track.went_back is None
    assert [step for _, step in track.steps.items()] == [10, 20, 30, 40]


def test_a_count_that_says_more_is_believed_from_then_on() -> None:
    track = track_of(Point(1, 0, unit="epoch"), Point(2, 100), Point(3, 1, 9, unit="epoch"), Point(4, 200))
    assert track.unit == "step"
    assert ([step for _, step in track.steps.items()], track.total) == ([100, 200], None)


def test_a_count_of_something_else_is_no_step_back() -> None:
    track = track_of(Point(1, 4, 5), Point(2, 5, 5), Point(3, 1, 400), Point(4, 2, 400))
    assert (track.went_back, track.total, track.totals_differ) == (None, 400, False)
    assert [step for _, step in track.steps.items()] == [1, 2]


def test_a_total_that_the_steps_go_beyond_is_none_of_theirs() -> None:
    assert track_of(Point(1, 4, 5), Point(2, 5, 5), Point(3, 0), Point(4, 20), Point(5, 40)).total is None


def test_a_total_is_kept_from_before_the_first_step() -> None:
    assert track_of(Point(1, total=400), Point(2, 1)).total == 400


def test_the_first_time_at_the_target_is_kept_among_many() -> None:
    target = Target("loss", at_most=0.5)
    points = (Point(float(at), at, metrics={"loss": 0.4 if at >= 777 else 0.9}) for at in range(10_000))
    track = track_of(*points, target=target)
    assert track.first_hit == ValueAt(777, 777, 0.4, "step")
    assert len(track.evaluations.items()) < 500
    assert track.target_value == 0.4


def test_a_value_that_is_no_number_is_seen_and_is_no_evaluation() -> None:
    track = track_of(Point(1, 1, metrics={"loss": math.nan}), target=Target("loss", at_most=1))
    assert track.evaluations.items() == []
    assert track.target_value is not None
    assert math.isnan(track.target_value)


def test_of_many_metrics_those_that_are_shown_once_go() -> None:
    shown = [{"loss": 2.0}, {"loss": 1.0}, *({f"setting{number}": 1.0} for number in range(1000)), {"accuracy": 0.5}]
    track = track_of(*(Point(float(at), metrics=metrics) for at, metrics in enumerate(shown)))
    assert len(track.latest) <= 100
    assert (track.latest["loss"], track.latest["accuracy"]) == (1.0, 0.5)


def test_totals_that_differ() -> None:
    track = track_of(Point(1, 1, 100), Point(2, 2, 100))
    assert (track.total, track.totals_differ) == (100, False)
    track.add(Point(3, 3, 90))
    assert (track.total, track.totals_differ) == (90, True)


def test_a_total_below_what_was_reached_is_of_something_else() -> None:
    track = Track("words", None)
    for point in (Point(1, 150, 300), Point(2, 200, 300), Point(3, None, 100)):
        track.add(point)
    assert (track.total, track.totals_differ) == (300, False)
