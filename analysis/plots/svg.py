"""Matplotlib figures as SVG fragments that are embedded in a page and take their colours from it.

Each colour stands for a variable of the page's style, so that one drawing is right in light, dark and print.
Nothing in it depends on the day, the machine or another drawing: the same numbers give the same bytes.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
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
    "font.size": 10.5,
    "axes.labelsize": "small",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
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


# What artists say: by the id (gid) of one, its numbers; of one that draws several markers, those of each.
Tips = Mapping[str, str | Sequence[str]]


def svg_of(name: str, draw: Callable[[mpl.figure.Figure], Tips], width: float, height: float) -> Svg:
    """What `draw` draws on a figure of `width` x `height` inches; `name` keeps its ids from those of others.

    Artists of which `draw` returns the numbers can be pointed at and reached by the keyboard, and say them.
    """
    # What a user's own matplotlibrc says must not change a report.
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the page's font has it, or its like
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = mpl.figure.Figure(figsize=(width, height))
        tips = draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inside(out.getvalue(), name, tips)


def _inside(svg: str, name: str, tips: Tips) -> Svg:
    view_box = re.search(r'viewBox="([^"]+)"', svg)
    assert view_box is not None
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)  # it would style the whole page
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    meant = {*re.findall(r'(?:href="|url\()#([\w-]+)', body), *tips, *(f"{gid}-name" for gid in tips)}
    # Tags alone: a name that stands between two of them is anybody's text.
    body = re.sub("<[^>]*>", lambda tag: _tag(tag[0], name, meant), body)
    return Svg(view_box[1], _with_tooltips(re.sub(r"\n\s*", "\n", body).strip(), name, tips))


def _tag(tag: str, name: str, meant: Set[str]) -> str:
    """A tag that takes its colours from the page, and whose ids, those that are `meant`, begin with `name`."""
    tag = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in meant else "", tag)
    tag = re.sub(r'(href="|url\()#', rf"\1#{name}-", tag.replace("xlink:href=", "href="))
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    return _COLOUR.sub(lambda found: _VARIABLES[found[0]], tag)


def _with_tooltips(body: str, name: str, tips: Tips) -> str:
    """The drawing with the `tips` in it."""
    for gid, said in tips.items():
        opening = f'<g id="{name}-{gid}"'
        before, found, after = body.partition(opening)
        if isinstance(said, str):
            body = f"{before}{found} {_tooltip_attributes(said)}{after}" if found else before
        elif found:
            markers = map(_tooltip_attributes, said)
            body = before + found + re.sub("<use", lambda _, says=markers: f"<use {next(says)}", after, count=len(said))  # type: ignore[misc]  # a default binds the loop's variable
    # A name stands for what it stands beside.
    return re.sub(r'<g id="([\w-]+)-name"', r'<g class="name" data-of="\1"', body)


def _tooltip_attributes(text: str) -> str:
    """The attributes of an element that is reached and says `text`, line by line."""
    return f'class="has-tip" tabindex="-1" role="img" aria-label="{html.escape(text)}"'.replace("\n", "&#10;")


@dataclass(frozen=True)
class Key:
    """A legend entry; `colour` is an index into the page's series, -1 the muted colour.

    It is a filled circle, a `hollow` diamond or a `ring`.
    """

    text: str
    colour: int
    hollow: bool = False
    ring: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure with its numbers. Text is plain and not yet escaped; `svg` is None where there is nothing to draw.

    `narrow`: another drawing of the same, for a telephone."""

    name: str
    title: str
    description: str
    svg: Svg | None
    key: tuple[Key, ...]
    table: Table[Sequence[Cell]]
    notes: tuple[str, ...] = ()
    narrow: Svg | None = None
