"""The plot of what leases went for: a bar for each, in money where the price is known, in shares where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.figure import Figure

from analysis.svg import MUTED, PAPER, SERIES, Svg, drawn_as_svg

FAINT = 0.45


class Colour(NamedTuple):
    """A number of the page's series, -1 the muted one; the second part of a kin is faint."""

    number: int
    faint: bool = False


# The same in every report. Parts of one kin, such as build and warmup, share a colour.
COLOURS = {
    "provision": Colour(6), "setup": Colour(6, True), "pull": Colour(3), "data": Colour(3, True),
    "build": Colour(5), "warmup": Colour(5, True), "prepare": Colour(2), "train": Colour(0),
    "evaluate": Colour(1), "final_evaluate": Colour(1, True), "upload": Colour(4),
    "idle": Colour(-1, True), "between phases": Colour(-1),
}  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """A bar: what stands before it, the length of each part, and what stands behind it."""

    label: str
    parts: dict[str, float]
    total: str


@dataclass(frozen=True)
class Panel:
    """Bars along one axis, and what that shows."""

    axis: str
    bars: tuple[Bar, ...]


def spent_by_part(panels: Sequence[Panel]) -> Svg:
    """The panels below each other: lengths of one are not to be compared with those of another."""

    def draw(figure: Figure) -> None:
        heights = [0.7 + len(panel.bars) for panel in panels]
        for axes, panel in zip(
            figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0], panels, strict=True
        ):
            for place, bar in enumerate(panel.bars):
                left = 0.0
                for part, length in bar.parts.items():
                    number, faint = COLOURS[part]
                    axes.barh(place, length, left=left, height=0.62, color=SERIES[number] if number >= 0 else MUTED,
                              alpha=FAINT if faint else 1, edgecolor=PAPER, linewidth=0.8)  # fmt: skip
                    left += length
                axes.annotate(bar.total, (left, place), (6, 0), textcoords="offset points", va="center")
            axes.set_yticks(range(len(panel.bars)), [bar.label for bar in panel.bars])
            axes.set_ylim(len(panel.bars) - 0.5, -0.5)
            axes.set_xlim(0, max(sum(bar.parts.values()) for bar in panel.bars) or 1)
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
            axes.set_xlabel(panel.axis)

    return drawn_as_svg("phases", draw, height=sum(0.9 + 0.42 * len(panel.bars) for panel in panels))
