"""Tables printed row by row below a line of names: fastai's, skorch's, those of many scripts.

    epoch     train_loss  valid_loss  accuracy  time
    0         1.508764    1.341220    0.512300  00:21

Columns stand between strokes, commas or tabs, or two spaces apart. One of them counts steps or epochs: other lines of
words are no header. A cell that is no number, such as a time of day, says nothing. Names behind which a bar is drawn,
as Ultralytics does while it validates, are of the one row that follows. A table of two columns may have its names in
the first one: `| ep_rew_mean | 22.1 |`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.programs.progress import Fields, Point, Source, Watched, as_number, kind_of
from bench.programs.reading.line import part_of_object, within

_LONGEST, _MOST_COLUMNS = 2048, 60
_STROKES = re.compile("[│┃║]")
# Behind a row, where Ultralytics draws it.
_BAR = re.compile(r":?\s*[0-9.]{1,6}%(?:\||\s[\u2500\u2501\u2578\u257a]).*")
_PARTED = {"|": re.compile(r"\|"), ",": re.compile(","), "": re.compile(r"\t|\s{2,}")}
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"(?!.*\s[-+]?[0-9])[A-Za-z#][\w ./@%#()+-]{0,60}")
_NOTHING = re.compile(r"[-\u2013\u2014]*")
_OF = re.compile(r"([0-9]{1,15})\s*/\s*([0-9]{1,15})")
_COUNTED = ("step", "iter", "epoch", "update")
_COUNTS = {"step": "of", "epoch": "epochs"}
# What spaCy calls them.
_SHORT = {"#": "step", "E": "epoch"}


class _Header(NamedTuple):
    """The names of a table's columns, and their separator: one of _PARTED. `once`: for one row."""

    mark: str
    names: list[str]
    once: bool


class Table(Source):
    """Reads the rows of tables on stdout."""

    name = "table"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()
        self._header: _Header | None = None

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        text = _STROKES.sub("|", text[:_LONGEST]).strip()
        drawn = "%" in text and _BAR.search(text) is not None
        if drawn:
            text = _BAR.sub("", text)
        header = _header(text, drawn=drawn)
        if header is not None:
            self._header = header
            return None
        part, row = None, _sideways(text)
        if not row and self._header:
            cells = _row_cells(text, self._header)
            part, row = part_of_object(dict(zip(self._header.names, cells))), _row(cells, self._header)
        if row and self._header and self._header.once:
            self._header = None
        return self._fields.point(within(part, row), at, part) if row else None


def is_header(line: str) -> bool:
    """Whether a line is the names of a table."""
    return _header(_STROKES.sub("|", line[:_LONGEST]).strip(), drawn=False) is not None


def _cells(text: str, mark: str) -> list[str]:
    cells = [cell.strip() for cell in _PARTED[mark].split(text, _MOST_COLUMNS)]
    return cells[text.startswith("|") : len(cells) - text.endswith("|")] if mark == "|" else cells


def _header(text: str, *, drawn: bool) -> _Header | None:
    """The header that a line is; `drawn`: a bar stood behind it."""
    lower = text.lower()
    if not drawn and not any(word in lower for word in _COUNTED) and not text.startswith("E "):
        return None
    mark = next(mark for mark in _PARTED if mark in text)
    names = [_SHORT.get(cell, cell) for cell in _cells(text, mark)]
    if len(names) < 2 or not all(map(_NAME.fullmatch, names)):
        return None
    if any(kind_of(name) in _COUNTS for name in names):
        return _Header(mark, names, once=False)
    if drawn and len(names) > 2:  # `mAP50-95)` is the end of a group of names
        return _Header(mark, [name if "(" in name else name.rstrip(")") for name in names], once=True)
    return None


def _row_cells(text: str, header: _Header) -> list[str]:
    """The cells of a row, as many as the table has columns; none where the line is no row of it."""
    cells = _cells(text, header.mark)
    if header.mark == "" and len(cells) != len(header.names):
        cells = _SPACE.split(text)
    return cells if len(cells) == len(header.names) else []


def _row(cells: list[str], header: _Header) -> list[tuple[str, object]]:
    """The names and values of a row; none where it is none."""
    if not cells:
        return []
    pairs, words, counted = [], 0, False
    for name, cell in zip(header.names, cells):
        values = _values(name, cell)
        counted |= bool(values) and kind_of(name) in _COUNTS
        words += not values and not _NOTHING.fullmatch(cell)
        pairs += values
    # Between strokes a row may say what it is of in place of a count: `| eval | 0.94 |`.
    if header.mark == "|":
        return pairs if len(pairs) >= words else []
    return pairs if len(pairs) > words and (counted or header.once) else []


def _values(name: str, cell: str) -> list[tuple[str, object]]:
    """What a cell says: a number, `51.2%`, or of a count `1/100`."""
    part, kind = _OF.fullmatch(cell), kind_of(name)
    if part and kind in _COUNTS:
        return [(name, part[1]), (_COUNTS[kind], part[2])]
    number = as_number(cell[:-1] if cell.endswith("%") else cell)
    return [] if number is None else [(name, number)]


def _sideways(text: str) -> list[tuple[str, object]]:
    """The name and the value of a line such as `| ep_rew_mean | 22.1 |`; none for any other line."""
    if not (text.startswith("|") and text.endswith("|") and text.count("|") == 3):
        return []
    name, value = _cells(text, "|")
    return _values(name, value) if _NAME.fullmatch(name) and kind_of(name) != "phase" else []
