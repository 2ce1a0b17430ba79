"""What a process does once for all its runs, in the frame: each of them has it, and each clock counts it or not."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from analysis.frames.runs import runs_frame
from bench.record.documents import Phase, RecipeRef, Run, Series
from tests.support import small_store as a

OTHER = RecipeRef(name="other", source_sha256="1" * 64)


def of_series(number: int, **changes: Any) -> Run:
    return a.a_run(number, series=Series(id=a.an_id(1), index=0, planned=9), **changes)


def warm(number: int, **changes: Any) -> Run:
    """A run that found all ready: a tenth of a second for its weights, 1 s of prepare, 54 of train, 2 of evaluation."""
    run = of_series(number)
    return of_series(number, phases=(Phase(name="build", start=4.9, stop=5), *run.phases[1:]), **changes)


def built_here(number: int, seconds: float, **changes: Any) -> Run:
    """A run that found the data loaded and built its network in so many seconds."""
    run = of_series(number)
    return of_series(number, phases=(Phase(name="build", start=-seconds, stop=0), *run.phases), **changes)


def times(*runs: Run) -> pd.DataFrame:
    frame = runs_frame(runs)
    return frame[["dawnbench_s", "dawnbench_left_out_s", "airbench_s", "airbench_left_out_s"]]


def test_a_run_that_found_all_ready_counts_and_leaves_out_what_the_first_one_did() -> None:
    frame = times(a.first_of_process(of_series(10)), warm(11))
    # 60 s of the airbench clock are 1 of prepare, 57 of train, 2 of evaluation; 1 s each of setup, data and build.
    assert frame.to_numpy().tolist() == [
        pytest.approx([60, 1 + 5 + 2, 60, 3 + 5]),
        pytest.approx([60.1, 1 + 5 + 2, 60, 3 + 5 + 0.1]),
    ]


def test_the_first_network_of_a_process_starts_the_device_so_none_is_built_in_less_time() -> None:
    frame = times(a.first_of_process(of_series(10)), built_here(11, 0.25, recipe=OTHER), warm(12, recipe=OTHER))
    assert frame["dawnbench_s"].tolist() == pytest.approx([60, 60, 60.1])
    slow = times(a.first_of_process(of_series(10)), built_here(11, 4, recipe=OTHER), warm(12, recipe=OTHER))
    assert slow["dawnbench_s"].tolist() == pytest.approx([60, 63, 63.1])


def test_a_process_that_goes_on_with_a_series_has_its_own() -> None:
    again = a.first_of_process(of_series(12))
    slow = (again.phases[0], again.phases[1].model_copy(update={"start": again.phases[0].stop}), *again.phases[2:])
    longer = [phase.model_copy(update={"start": phase.start - 4, "stop": phase.stop - 4}) for phase in slow[:2]]
    build = slow[2].model_copy(update={"start": slow[2].start - 4})
    again = again.model_copy(update={"phases": (*longer, build, *slow[3:])})
    frame = times(a.first_of_process(of_series(10)), warm(11), again, warm(13))
    assert frame["dawnbench_s"].tolist() == pytest.approx([60, 60.1, 64, 64.1])


def test_without_the_record_of_the_first_run_it_is_unknown_and_not_0() -> None:
    frame = times(warm(10))
    assert math.isnan(frame["dawnbench_s"][0])
    assert math.isnan(frame["airbench_left_out_s"][0])
    assert frame["airbench_s"][0] == 60


def test_another_series_is_another_process() -> None:
    frame = times(a.first_of_process(of_series(10)), a.a_run(11, series=Series(id=a.an_id(2), index=0, planned=1)))
    assert frame["dawnbench_s"].isna().tolist() == [False, True]
