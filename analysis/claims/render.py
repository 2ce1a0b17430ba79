"""Checked claims as text: a table for people, Markdown, JSON. All three say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from analysis.claims.check import amount
from analysis.claims.claim import RULE, Check, Operand
from bench.text import NOT_APPLICABLE, UNKNOWN, Cell, Column, Table, significant

# Of the JSON. Raise it with any change of a key's name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1


def claims_table(checks: Sequence[Check]) -> Table[Check]:
    """A row a check with its verdict, the rule and who made the claims below."""
    columns: tuple[Column[Check], ...] = (
        Column("claim", lambda check: (check.claim.text, f"[{check.claim.id}] {check.basis}"), numeric=False),
        Column("A", lambda check: _operand(check.a), numeric=False),
        Column("B", lambda check: _operand(check.b), numeric=False),
        Column("claimed", lambda check: str(check.claim.factor), numeric=False),
        Column("found: B/A", _found, numeric=False),
        Column("verdict", lambda check: check.verdict, numeric=False),
    )
    sources = dict.fromkeys(f"claimed by: {check.claim.source}" for check in checks)
    return Table(columns, checks, footnotes=(RULE, *sources), notes=lambda check: check.notes)


def as_json(checks: Sequence[Check]) -> str:
    """Everything, numbers in full; unknown is null."""
    content = {"schema_version": SCHEMA_VERSION, **plain(checks)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _operand(side: Operand) -> Cell:
    return (UNKNOWN if side.value is None else amount(side.value, side.unit), side.name)


def _found(check: Check) -> Cell:
    if check.factor is None:
        return NOT_APPLICABLE
    lines = [significant(check.factor)]
    if check.interval:
        lines.append(f"[{significant(check.interval.low)}, {significant(check.interval.high)}]")
    if check.claim.metric.startswith("cost"):  # "a quarter" is said of A/B
        lines.append(f"(A/B {significant(1 / check.factor)})")
    return tuple(lines)


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
