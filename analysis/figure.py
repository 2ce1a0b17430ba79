"""What a figure of a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.svg import Svg


@dataclass(frozen=True)
class Key:
    """What a colour of the drawing stands for; `colour` is a number of the page's series, -1 the muted one."""

    text: str
    colour: int
    letter: str = ""
    hollow: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure. Text in it is plain and not yet escaped; `svg` is None where there is nothing to draw."""

    name: str
    title: str
    description: str
    svg: Svg | None
    key: tuple[Key, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
