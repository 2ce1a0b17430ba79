"""What a run's warnings are about, as they are written, and counted over runs."""

from __future__ import annotations

import pytest

from bench.record.flat import warning_kinds


@pytest.mark.parametrize(
    ("warnings", "kinds"),
    [
        ((), []),
        (("GPU slowed down in 35% of the run: power limit",), ["GPU slowed down by its power limit"]),
        (
            ("GPU slowed down in 35% of the run: temperature", "GPU slowed down in 2% of the run: temperature"),
            ["GPU slowed down by its temperature"],
        ),
        (
            ("load average 1.1 before the run: others use this machine", "2 other processes on the GPU"),
            ["load of others on the machine", "other processes on the GPU"],
        ),
        (("the path captured fails here: RuntimeError: {x}",), ["a path that fails here"]),
        (("torch on its cuDNN: RuntimeError: cuDNN version",), ["a version of cuDNN that torch objects to"]),
        (("the wall clock moved by +1.5 s against the monotonic one",), ["a wall clock that moved"]),
        (
            ("Acc@1 is shown in per cent, as 55.1; its target of 0.94 is not",),
            ["a target that is a share of 1, of what is shown in per cent"],
        ),
        (
            ("acc is shown as a share of 1, as 0.95; its target of 94 is in per cent",),
            ["a target in per cent, of what is shown as a share of 1"],
        ),
        (("ended before 50 steps were seen", ""), ["other warnings"]),
    ],
)
def test_kinds(warnings: tuple[str, ...], kinds: list[str]) -> None:
    assert warning_kinds(warnings) == kinds
