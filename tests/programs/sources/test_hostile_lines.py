"""What a long line costs that nearly is progress, up to its end: no expression goes over it again and again."""

import time

import pytest

from bench.programs.progress import Watched
from bench.programs.sources import open_sources


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        *[
            (begins, " ")
            for begins in ("step", "steps", "Epoch 1/3", "1/2", "12/Unknown ", "eval", "loss:", "step 1/2")
        ],
        *[
            ("Test: ", "1"),
            ("loss: ", "1,234"),
            ("step ", "1,"),
            ("1/2 ", "\u2501"),
            ("1/2 ", "\u2501 "),
            ("(a pid=", "1"),
        ],
    ],
)
def test_a_hostile_line_costs_little(begins: str, goes_on: str) -> None:
    line = (begins + goes_on * 2000)[:2000] + "!"
    dear = {}
    for source in open_sources(Watched()):
        began = time.process_time()
        source.line(line, 1.0)
        dear[source.name] = time.process_time() - began
    assert {name: seconds for name, seconds in dear.items() if seconds > 0.1} == {}  # one of these took half a minute
