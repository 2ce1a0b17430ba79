"""What the plots share: logarithmic axes, an axis of seconds, and labels beside the points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from rich.cells import cell_len

from bench.record.documents import Policy

# From here on a linear axis would press the fast rows into one line.
_LOG_FROM = 10
# With more labelled powers of ten than these, the labels of a narrow drawing touch.
_MOST_DECADES = 8
# Points (1/72 inch) of a letter of a name, about; half the height of its line; what a point itself takes.
_LETTER, _HALF_LINE, _POINT = 5.1, 5.7, 4.5
# Where a name may stand: the side of the point, and how far above it. The first free place is taken.
_PLACES = (
    (1, 0),
    (-1, 0),
    (1, 8),
    (1, -8),
    (-1, 8),
    (-1, -8),
    (0, 11),
    (0, -11),
    (1, 16),
    (1, -16),
    (-1, 16),
    (-1, -16),
)


class Margins(NamedTuple):
    """What is left around the axes, in inches."""

    left: float = 0.55
    right: float = 0.15
    top: float = 0.3
    bottom: float = 0.5


def leave(figure: Figure, margins: Margins, between: float = 0.0) -> None:
    """Leave `margins` around all axes, and `between` those one below the other. A layout that is found takes longer."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=margins.left / width,
        right=1 - margins.right / width,
        top=1 - margins.top / height,
        bottom=margins.bottom / height,
        hspace=between,
        wspace=0.04,
    )


def above(axes: Axes, text: str) -> None:
    """What the axis upwards shows, above it: read without turning one's head, and on a telephone."""
    # Without `y` matplotlib measures all tick labels again and again, as some could stand there too.
    axes.set_title(text, loc="left", x=0, y=1, fontsize="medium", pad=7)


def time_axis(axes: Axes, seconds: Sequence[float], policy: Policy) -> None:
    """Seconds along x: logarithmic where they differ much."""
    positive = [second for second in seconds if second > 0]
    wide = bool(positive) and max(positive) > _LOG_FROM * min(positive)
    if wide:
        logarithmic(axes, "x", positive)
    else:
        axes.set_xlim(right=axes.get_xlim()[1] * 1.02)
    axes.set_xlabel(f"time ({policy} clock), s" + (" (logarithmic)" if wide else ""))


def logarithmic(axes: Axes, name: Literal["x", "y"], values: Sequence[float]) -> None:
    """A logarithmic axis around positive values, with its ends at 1, 2 or 5 times a power of ten, and ticks there."""
    # Less than a nanosecond is nothing that was measured.
    least, most = max(min(values), 1e-9), max(*values, 1e-9)
    first, last = math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1
    steps = (1, 2, 5) if last - first <= 4 else (1,)
    apart = math.ceil((last - first) / _MOST_DECADES)
    ticks = [step * 10.0**decade for decade in range(first, last + 1) if decade % apart == 0 for step in steps]
    ends = [step * 10.0**decade for decade in range(first, last + 1) for step in (1, 2, 5)]
    low = max(tick for tick in ends if tick < 0.8 * least)
    high = min(tick for tick in ends if tick > 1.25 * most)
    axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.9g}"))


class Named(NamedTuple):
    """A point with its label; `id` is that of the artist with the label's tooltip."""

    axes: Axes
    x: float
    y: float
    text: str
    id: str


class _Box(NamedTuple):
    left: float
    right: float
    low: float
    high: float

    def overlaps(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high


def write_names(figure: Figure, points: Sequence[Named], levels: Sequence[float] = ()) -> None:
    """The names beside their points, the first of `points` first; one without room is left out.

    None lies on one of the `levels`, where a line goes across to its own name at the right. The limits and the place
    of the axes have to be final.
    """
    width, height = (72 * inches for inches in figure.get_size_inches())
    places = [_place(point) for point in points]
    taken = [_Box(x - _POINT, x + _POINT, y - _POINT, y + _POINT) for x, y in places]
    floor, ceiling = (height * edge for edge in figure.axes[0].get_position().intervaly)
    left = width * figure.axes[0].get_position().x0
    right = width * figure.axes[-1].get_position().x1 if levels else width
    for point in points[:1]:
        crossed = [_place(point._replace(y=level))[1] for level in levels]
        taken += [_Box(0, width, y - 1, y + 1) for y in crossed]
    for point, (x, y) in zip(points, places, strict=True):
        # Beside other axes a name stays within its own.
        edge = right if point.axes is figure.axes[-1] else width * point.axes.get_position().x1
        for side, rise, box in _candidates(x, y, cell_len(point.text) * _LETTER):
            if box.left < left or box.right > edge or box.low < floor or box.high > ceiling + _HALF_LINE:
                continue
            if any(box.overlaps(other) for other in taken):
                continue
            taken.append(box)
            point.axes.annotate(
                point.text,
                (point.x, point.y),
                (side * (_POINT + 2), rise),
                textcoords="offset points",
                ha=("center", "left", "right")[side],
                va="center_baseline",
                fontsize="small",
                annotation_clip=False,
                gid=f"{point.id}-name",
            )
            break


def write_levels(axes: Axes, levels: Sequence[float], texts: Sequence[str]) -> None:
    """The `texts` of the rising `levels` at the right of the axes, apart from each other. Limits are final."""
    height = 2 * _HALF_LINE * max(text.count("\n") + 1 for text in texts) if texts else 0.0
    places = [_place(Named(axes, 0, level, "", ""))[1] for level in levels]
    # Texts that would meet stand as a block, as far below their levels as above them.
    blocks: list[list[float]] = []
    for number, place in enumerate(places):
        blocks.append([place - number * height])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    bases = [fmean(block) for block in blocks for _ in block]
    for number, (level, text, place, base) in enumerate(zip(levels, texts, places, bases, strict=True)):
        axes.annotate(
            text,
            (1, level),
            (5, base + number * height - place),
            fontsize="small",
            va="center",
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
        )


def _place(point: Named) -> tuple[float, float]:
    """Where the point lies, in points from the lower left corner of the figure."""
    point.axes.get_xlim()  # limits that matplotlib chooses are chosen when they are asked for
    point.axes.get_ylim()
    figure = point.axes.get_figure(root=True)
    assert figure is not None
    x, y = point.axes.transData.transform((point.x, point.y)) * 72 / figure.dpi
    return float(x), float(y)


def _candidates(x: float, y: float, width: float) -> Iterator[tuple[int, int, _Box]]:
    for side, rise in _PLACES:
        left = x - width / 2 if side == 0 else x + (_POINT + 2 if side > 0 else -_POINT - 2 - width)
        yield side, rise, _Box(left, left + width, y + rise - _HALF_LINE, y + rise + _HALF_LINE)
