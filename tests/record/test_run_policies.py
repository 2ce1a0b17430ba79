"""Clock policies, against times added up by hand from the run in `builders`."""

from __future__ import annotations

import pytest
from hypothesis import given

from bench.record.documents import (
    ONCE,
    POLICIES,
    Evaluation,
    Phase,
    Policy,
    Run,
    Target,
    attempt_seconds,
    fell_back,
    left_out_seconds,
    once_seconds,
    policy_seconds,
)
from tests.support.builders import EVALUATIONS, PHASES, ending, make_run, runs

UNREACHED = Target(at_least=0.96)


def seconds(run: Run) -> dict[Policy, float | None]:
    return {policy: policy_seconds(run, policy) for policy in POLICIES}


def test_each_policy_counts_its_phases_of_one_and_the_same_run() -> None:
    assert seconds(make_run(cold=True)) == {
        "airbench": 1 + 3 * 4 + 2,  # prepare, all training, the final evaluation
        "dawnbench": 1 + 2 * 4,  # prepare and two epochs: the second one reached the target
        "mlperf": 1 + 2 * 4 + 2 * 1,  # the same and its two evaluations
        "cold": 23,  # from the first second to the last
    }


# What the first run of a process has before the phases of every run.
FIRST = (
    Phase(name="setup", start=-9, stop=-6),
    Phase(name="data", start=-6, stop=-4),
    Phase(name="build", start=-4, stop=0),
)
FRESH = Phase(name="build", start=5, stop=5.5)  # its weights made anew, which each run does
FIRST_RUN = make_run(
    cold=True, phases=(*FIRST, PHASES[0], FRESH, PHASES[1].model_copy(update={"start": 5.5}), *PHASES[2:])
)


def test_dawnbench_counts_loading_and_building_and_no_warming_up() -> None:
    assert seconds(FIRST_RUN)["dawnbench"] == 2 + 4 + 0.5 + 0.5 + 2 * 4
    assert attempt_seconds(FIRST_RUN, "dawnbench") == seconds(FIRST_RUN)["dawnbench"]


def test_what_a_clock_leaves_out_is_what_it_does_not_count_until_it_stops() -> None:
    assert {policy: left_out_seconds(FIRST_RUN, policy) for policy in POLICIES} == {
        "airbench": 3 + 2 + 4 + 5 + 0.5 + 3,  # to the end, three evaluations among it
        "dawnbench": 3 + 5 + 2,  # setup, warmup, two evaluations
        "mlperf": 3 + 2 + 4 + 5 + 0.5,
        "cold": 0,
    }
    assert left_out_seconds(make_run(target=UNREACHED), "dawnbench") is None


def test_what_a_process_does_once_is_in_the_record_of_its_first_run_alone() -> None:
    assert once_seconds(FIRST_RUN) == {"setup": 3, "data": 2, "build": 4, "warmup": 5}
    warm = make_run(phases=(FRESH, *PHASES[2:]))
    assert once_seconds(warm) == dict.fromkeys(ONCE)
    of_another_recipe = make_run(phases=(FIRST[2], PHASES[0], FRESH, *PHASES[2:]))
    assert once_seconds(of_another_recipe) == {"setup": None, "data": None, "build": 4, "warmup": 5}
    broken = make_run(status="failed", reason="OOM", evaluations=(), phases=FIRST[2:])
    assert once_seconds(broken)["build"] == 4


@given(runs())
def test_what_is_left_out_is_never_negative_and_known_where_the_time_is(run: Run) -> None:
    for policy in POLICIES:
        left_out = left_out_seconds(run, policy)
        assert (left_out is None) == (policy_seconds(run, policy) is None)
        assert left_out is None or left_out >= 0


def test_a_run_that_was_not_first_in_its_process_has_no_cold_time() -> None:
    assert policy_seconds(make_run(cold=False), "cold") is None


def test_a_cold_time_includes_the_gaps_between_phases() -> None:
    phases = (
        Phase(name="setup", start=-3, stop=0),
        *PHASES[:-1],
        Phase(name="final_evaluate", start=30, stop=32),
    )
    evaluations = (EVALUATIONS[0], EVALUATIONS[-1].model_copy(update={"at": 32}))
    assert policy_seconds(make_run(cold=True, phases=phases, evaluations=evaluations), "cold") == 35


# A second between preparing and training, and between training and evaluating, as between a program's marks.
APART = (
    Phase(name="warmup", start=0, stop=5),
    Phase(name="prepare", start=5, stop=6),
    Phase(name="train", start=7, stop=11),
    Phase(name="final_evaluate", start=12, stop=14),
)


def test_the_clock_of_mlperf_is_not_paused_between_phases() -> None:
    """From run_start to run_stop, as MLPerf has it; the others are sums of their phases."""
    run = make_run(phases=APART, evaluations=(EVALUATIONS[-1].model_copy(update={"at": 14}),), cold=True)
    assert seconds(run) == {"airbench": 7, "dawnbench": 5, "mlperf": 9, "cold": 14}
    assert left_out_seconds(run, "mlperf") == 5
    missed = make_run(phases=APART[:3], evaluations=(), status="failed", reason="OOM")
    assert {policy: attempt_seconds(missed, policy) for policy in ("airbench", "mlperf")} == {
        "airbench": 5,
        "mlperf": 6,
    }
    assert attempt_seconds(make_run(phases=APART[:1], evaluations=(), status="failed", reason="OOM"), "mlperf") == 0


def test_what_follows_the_final_accuracy_is_not_part_of_a_cold_time() -> None:
    phases = (*PHASES, Phase(name="upload", start=23, stop=60))
    assert policy_seconds(make_run(cold=True, phases=phases), "cold") == 23


def test_a_cold_run_without_phases_has_no_cold_time() -> None:
    assert policy_seconds(make_run(cold=True, phases=()), "cold") is None


def test_a_miss_has_a_time_only_where_the_target_does_not_stop_the_clock() -> None:
    run = make_run(target=UNREACHED, cold=True)
    assert not run.hit
    assert run.first_hit is None
    assert not fell_back(run)
    assert seconds(run) == {"airbench": 15, "dawnbench": None, "mlperf": None, "cold": 23}


def test_a_run_that_crossed_the_target_and_ended_below_it_is_flagged_and_missed() -> None:
    run = make_run(evaluations=ending(0.939), cold=True)
    assert fell_back(run)
    assert not run.hit
    assert seconds(run) == {"airbench": 15, "dawnbench": 9, "mlperf": 11, "cold": 23}


def test_a_run_that_hits_only_at_its_final_evaluation_is_counted_to_the_end() -> None:
    run = make_run(evaluations=(EVALUATIONS[0], EVALUATIONS[-1]))
    assert run.first_hit == EVALUATIONS[-1]
    assert not fell_back(run)
    assert seconds(run) == {"airbench": 15, "dawnbench": 13, "mlperf": 18, "cold": None}


def test_a_target_just_reached_is_a_hit() -> None:
    run = make_run(evaluations=ending(0.94))
    assert run.hit
    assert not fell_back(run)


def test_an_unsynchronised_run_has_no_time_under_any_policy() -> None:
    phases = (*PHASES[:2], PHASES[2].model_copy(update={"synchronised": False}), *PHASES[3:])
    run = make_run(phases=phases, cold=True)
    assert not run.valid
    assert run.hit  # its accuracy is as good as ever
    assert set(seconds(run).values()) == {None}


@pytest.mark.parametrize(("status", "reason"), [("interrupted", "USER"), ("failed", "OOM")])
def test_a_run_that_did_not_complete_has_no_time_and_missed(status: str, reason: str) -> None:
    run = make_run(status=status, reason=reason, evaluations=EVALUATIONS[:2], phases=PHASES[:6], cold=True)
    assert run.first_hit == EVALUATIONS[1]
    assert not run.hit
    assert not fell_back(run)
    assert set(seconds(run).values()) == {None}


def test_an_evaluation_between_phases_stops_the_clock_before_the_next_training() -> None:
    evaluation = Evaluation(epoch=1, metrics={"accuracy": 0.95}, at=10)
    run = make_run(evaluations=(evaluation, EVALUATIONS[-1]))
    assert policy_seconds(run, "dawnbench") == 1 + 4


@given(runs())
def test_times_are_never_negative_and_stopping_early_never_takes_longer(run: Run) -> None:
    times = seconds(run)
    assert all(time is None or time >= 0 for time in times.values())
    dawnbench, mlperf = times["dawnbench"], times["mlperf"]
    if dawnbench is not None:
        assert mlperf is not None
        loading = sum(phase.seconds for phase in run.phases if phase.name in ("data", "build"))
        assert dawnbench <= mlperf + loading + 1e-6  # both are sums of up to a million seconds
        assert run.status == "completed"
