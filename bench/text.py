"""Text from records is anybody's text: made harmless for a terminal, a Markdown table, a spreadsheet."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

# Control, format (such as a change of writing direction), surrogate, and line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKDOWN = re.compile(r"[\\`*_<>|~&]|\](?=[(\[:])")
# Spreadsheets compute a cell that begins so, also where it is written in full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 -- just these
# File systems take 255 bytes, an encrypted one 143; what stands before and behind it needs room too.
_LONGEST_NAME = 100


def one_line(text: str) -> str:
    """`text` on one line, without characters that cannot be seen."""
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    return " ".join(seen.split())


def escape_markdown(text: str) -> str:
    """`text` as it stands, in a cell of a Markdown table: no markup, no new column, no link, no HTML."""
    return _MARKDOWN.sub(lambda found: "\\" + found[0], text)


def short_name(name: str) -> str:
    """`name`, in ASCII, as a part of a file's name: a long one is cut, and ends in a digest of the whole."""
    if len(name) <= _LONGEST_NAME:
        return name
    cut = re.sub(r"%[0-9A-F]?$", "", name[: _LONGEST_NAME - 17])  # not within %20
    return f"{cut}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def csv_cell(text: str) -> str:
    """`text` for a spreadsheet: a leading apostrophe keeps it from being taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`, `10,000 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def did_you_mean(name: str, names: Iterable[str], most: int = 1) -> str:
    """`did you mean a or b?`: of `names`, at most `most` that hold `name`, or else are near it; empty for none."""
    typed, known = name.casefold(), {each.casefold(): each for each in names}
    longer = [key for key in known if typed and typed in key]
    near = difflib.get_close_matches(typed, longer or known, n=most, cutoff=0 if longer else 0.6)
    return f"did you mean {' or '.join(known[key] for key in near)}?" if near else ""


# FOCUS's pricing categories, as people say them.
CATEGORIES = {"Standard": "on-demand", "Dynamic": "spot", "Committed": "committed"}
NOT_APPLICABLE = "–"  # noqa: RUF001 -- a dash, not a minus: there is no answer
UNKNOWN = "unknown"


def significant(value: float | Decimal) -> str:
    """`value` to three significant digits, without an exponent: 0.00264, 74.0, 286000."""
    # By way of str: a half is rounded as it is printed, whether it comes as a double or exactly.
    return format(Decimal(f"{Decimal(str(value)):.2e}"), "f") if value else "0"
