"""Text in the drawings has room: targets beside the axes, names above bars, letters that take two places."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure
from rich.cells import cell_len

from analysis.plots.axes import Named, logarithmic, write_levels, write_names
from analysis.plots.data import LeasePhases
from analysis.plots.lease_figure import bar_label
from analysis.plots.names import LONGEST, short_names
from tests.analysis.plots.test_names import a_row


def heights(levels: list[float]) -> list[float]:
    """How high the names of `levels` stand, in points, on axes from 80 to 98."""
    figure = Figure(figsize=(5, 3.6))
    axes = figure.add_subplot()
    axes.set_ylim(80, 98)
    write_levels(axes, levels, [f"{level} %" for level in levels])
    figure.draw_without_rendering()
    return [text.get_window_extent().y0 * 72 / figure.dpi for text in axes.texts]


def test_targets_close_to_each_other_are_written_apart_and_others_at_their_lines() -> None:
    far, *near = heights([80, 93, 94, 95])
    assert far == pytest.approx(heights([80])[0])
    assert [upper - lower for lower, upper in pairwise(near)] == pytest.approx([11.4, 11.4])
    assert near[1] == pytest.approx(heights([94])[0])  # as far below their lines as above them
    assert heights([]) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("a",), "a"),
        (("a", "b", "c", "d"), "a; b; c and 1 more"),
        (("a" * 30, "b" * 30, "c" * 30), f"{'a' * 30} and 2 more"),
        (("a" * 30, "b" * 20, "c" * 30), f"{'a' * 30}; {'b' * 20} and 1 more"),
    ],
)
def test_above_a_bar_stand_as_many_names_as_fit(labels: tuple[str, ...], said: str) -> None:
    bar = LeasePhases(labels=labels, leases=1, runs=1, seconds={"train": 1.0}, hourly=None, currency=None)
    assert bar_label(bar) == said


def test_a_name_beside_the_strip_of_unknown_prices_stays_out_of_it() -> None:
    figure = Figure(figsize=(8, 4))
    priced, unpriced = figure.subplots(1, 2, sharey=True)
    priced.set(xlim=(0, 10), ylim=(0, 10))
    unpriced.set(xlim=(0, 10))
    write_names(figure, [Named(priced, 9, 5, "a name of 20 letters", "a"), Named(unpriced, 1, 8, "another", "b")])
    figure.draw_without_rendering()
    (name,) = priced.texts
    assert name.get_window_extent().x1 <= priced.bbox.x1
    assert [text.get_text() for text in unpriced.texts] == ["another"]


def test_a_chinese_character_takes_the_room_of_two_letters() -> None:
    (name,) = short_names([a_row("训练" * 20)])
    assert LONGEST - 2 < cell_len(name) <= LONGEST
    assert name.endswith("…")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([3, 30], [2, 5, 10, 20, 50]),
        ([0.01, 100], [0.01, 0.1, 1, 10, 100]),
        ([1e-6, 1e6], [1e-6, 1e-4, 1e-2, 1, 100, 10_000, 1_000_000]),
    ],
)
def test_a_logarithmic_axis_has_few_labels(values: list[float], ticks: list[float]) -> None:
    axes = Figure().add_subplot()
    logarithmic(axes, "x", values)
    assert axes.get_xticks().tolist() == pytest.approx(ticks)
