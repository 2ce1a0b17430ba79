"""Checked claims as text: a table for people, Markdown, JSON. All three say the same."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.claims.check import amount
from analysis.claims.claim import RULE, Check, Operand
from analysis.report.cells import Cell
from bench.text import NOT_APPLICABLE, UNKNOWN, escape_markdown, significant

# Of the JSON. Raise it with any change of a key's name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1

HEADERS = ("claim", "A", "B", "claimed", "found: B/A", "verdict")
_UNBOUNDED = 10_000  # wider than any table: off a terminal nothing is folded


def as_table(checks: Sequence[Check], *, terminal: bool = False) -> str:
    """A table with numbered notes: fitted into a `terminal`, or else as wide as it gets."""
    out = io.StringIO()
    width = shutil.get_terminal_size().columns if terminal else _UNBOUNDED
    console = Console(
        file=out, width=width, force_terminal=terminal, color_system="auto" if terminal else None, legacy_windows=False
    )
    table = Table(*HEADERS, box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = numbered(checks)
    for check in checks:
        # Text, not str: what stands in a record is never taken for markup.
        table.add_row(*(Text("\n".join(cell)) for cell in cells(check, numbers)))
    console.print(table)
    for line in (RULE, *(f"({number}) {note}" for note, number in numbers.items()), *sources(checks)):
        console.print(Text(line))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def as_markdown(checks: Sequence[Check]) -> str:
    """A table in GitHub's Markdown, with the notes as a list below it."""
    numbers = numbered(checks)
    rows = [[" ".join(cell) for cell in cells(check, numbers)] for check in checks]
    lines = [_markdown_row(HEADERS), _markdown_row([":-"] * len(HEADERS)), *map(_markdown_row, rows)]
    lines += ["", escape_markdown(RULE), "", *(f"{n}. {escape_markdown(note)}" for note, n in numbers.items())]
    lines += ["", *(f"- {escape_markdown(source)}" for source in sources(checks))]
    return "\n".join(lines).rstrip() + "\n"


def as_json(checks: Sequence[Check]) -> str:
    """Everything, numbers in full; unknown is null."""
    content = {"schema_version": SCHEMA_VERSION, **plain(checks)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def cells(check: Check, numbers: dict[str, int]) -> list[Cell]:
    """The check's cells, in the order of HEADERS; `numbers` are those of the notes, see `numbered`."""
    marks = ", ".join(str(numbers[note]) for note in check.notes)
    return [
        (f"{check.claim.text} ({marks})" if marks else check.claim.text, f"[{check.claim.id}] {check.basis}"),
        _operand(check.a),
        _operand(check.b),
        (str(check.claim.factor),),
        _found(check),
        (check.verdict,),
    ]


def _operand(side: Operand) -> Cell:
    return (UNKNOWN if side.value is None else amount(side.value, side.unit), side.name)


def _found(check: Check) -> Cell:
    if check.factor is None:
        return (NOT_APPLICABLE,)
    lines = [significant(check.factor)]
    if check.interval:
        lines.append(f"[{significant(check.interval.low)}, {significant(check.interval.high)}]")
    if check.claim.metric.startswith("cost"):  # "a quarter" is said of A/B
        lines.append(f"(A/B {significant(1 / check.factor)})")
    return tuple(lines)


def _markdown_row(row: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape_markdown, row)) + " |"


def numbered(checks: Sequence[Check]) -> dict[str, int]:
    """The notes of the checks, each once, numbered from 1 in the order of their appearance."""
    notes = dict.fromkeys(note for check in checks for note in check.notes)
    return {note: number for number, note in enumerate(notes, start=1)}


def sources(checks: Sequence[Check]) -> list[str]:
    """Who made the claims, a line each."""
    return [f"claimed by: {source}" for source in dict.fromkeys(check.claim.source for check in checks)]


def plain(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks with their rule as plain values, unrounded, for JSON."""
    return {"rule": RULE, "checks": [_plain(check) for check in checks]}


def _plain(check: Check) -> dict[str, Any]:
    claim, interval = check.claim, check.interval
    return {
        "id": claim.id,
        "text": claim.text,
        "source": claim.source,
        "metric": claim.metric,
        "claimed": float(claim.factor),
        "least": float(claim.least),
        "basis": check.basis,
        "a": {"name": check.a.name, "value": check.a.value, "unit": check.a.unit},
        "b": {"name": check.b.name, "value": check.b.value, "unit": check.b.unit},
        "found": check.factor,
        "found_low": interval.low if interval else None,
        "found_high": interval.high if interval else None,
        "found_method": interval.method if interval else None,
        "verdict": check.verdict,
        "notes": list(check.notes),
    }
