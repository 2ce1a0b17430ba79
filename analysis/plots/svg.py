"""Matplotlib's figures as pieces of SVG that live inside a page and take their colours from it.

Each colour stands for a variable of the page's style, so that one drawing is right in light, dark and print.
Nothing in it depends on the day, the machine or another drawing: the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.figure

from bench.text import Cell, Table

# Okabe and Ito's colours, told apart by the colour-blind, without yellow and black, which a page may swallow.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b")
INK, GRID, PAPER, MUTED = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {
    **{colour: f"var(--series-{n})" for n, colour in enumerate(SERIES)},
    INK: "var(--ink)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    MUTED: "var(--muted)",
}
_COLOUR = re.compile("|".join(_VARIABLES))

_STYLE: Any = {  # matplotlib's types want its hundreds of keys as literals
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": False,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: measures alike everywhere
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's font
    "svg.hashsalt": "bench",
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True)
class Svg:
    """The inside of an <svg> element and its viewBox."""

    view_box: str
    body: str


def svg_of(name: str, draw: Callable[[mpl.figure.Figure], None], width: float = 7.4, height: float = 4.2) -> Svg:
    """What `draw` draws on a figure of `width` x `height` inches; `name` keeps its ids from those of others."""
    # What a user's own matplotlibrc says must not change a report.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = mpl.figure.Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inside(out.getvalue(), name)


def _inside(svg: str, name: str) -> Svg:
    view_box = re.search(r'viewBox="([^"]+)"', svg)
    assert view_box is not None
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)  # it would style the whole page
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{name}-", body)
    body = _COLOUR.sub(lambda found: _VARIABLES[found[0]], body)
    return Svg(view_box[1], re.sub(r"\n\s*", "\n", body).strip())


@dataclass(frozen=True)
class Key:
    """What a colour of the drawing stands for; `colour` is a number of the page's series, -1 the muted one."""

    text: str
    colour: int
    label: str = ""
    hollow: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure with its numbers. Text is plain and not yet escaped; `svg` is None where there is nothing to draw."""

    name: str
    title: str
    description: str
    svg: Svg | None
    key: tuple[Key, ...]
    table: Table[Sequence[Cell]]
    notes: tuple[str, ...] = ()
