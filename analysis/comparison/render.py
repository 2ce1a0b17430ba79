"""A comparison as text: sentences for people, Markdown, JSON. All say the same."""

from __future__ import annotations

import json
import math
from typing import Any, Final, Literal, get_args

from analysis.comparison.compare import Comparison, Finding, Side
from analysis.stats.intervals import LEVEL, median_interval, wilson
from bench.errors import UsageError
from bench.text import CATEGORIES, UNKNOWN, Column, Table, escape_markdown, one_line, plural, significant

Format = Literal["table", "markdown", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Of the JSON. Raise it with any change of a name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1


def render(comparison: Comparison, format: str) -> str:  # noqa: A002 -- the word that the command's option has
    """The comparison as text, ending in a newline. Raises UsageError for a format not in FORMATS."""
    writers = {"table": as_sentences, "markdown": as_markdown, "json": as_json}
    if format not in writers:
        raise UsageError(f"{format!r} is no format of a comparison; there are {', '.join(FORMATS)}")
    return writers[format](comparison)


def as_sentences(comparison: Comparison) -> str:
    """A title, a line a side, a sentence a metric, then the notes."""
    width = max((len(finding.metric) for finding in comparison.findings), default=0)
    lines = [title(comparison), ""]
    lines += [_side(side, comparison.policy) for side in (comparison.a, comparison.b)]
    lines += ["", *(f"{finding.metric:<{width}}  {finding.text}" for finding in comparison.findings), ""]
    return "\n".join([*lines, *comparison.notes]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The same, with the findings in a table in GitHub's Markdown."""
    columns: tuple[Column[Finding], ...] = (
        Column("metric", lambda finding: finding.metric, numeric=False),
        Column("finding", lambda finding: finding.text, numeric=False),
    )
    sides = (_side(side, comparison.policy) for side in (comparison.a, comparison.b))
    lines = [f"**{escape_markdown(title(comparison))}**", "", *(f"- {escape_markdown(side)}" for side in sides), ""]
    return "\n".join([*lines, Table(columns, comparison.findings, comparison.notes).as_markdown()])


def as_json(comparison: Comparison) -> str:
    """Everything, numbers in full; unknown is null, and so is an infinite end."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title(comparison),
        "policy": comparison.policy,
        "level": LEVEL,
        "a": _counts(comparison.a),
        "b": _counts(comparison.b),
        "findings": [_flat(finding) for finding in comparison.findings],
        "notes": list(comparison.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def title(comparison: Comparison) -> str:
    """What is compared, and by which clock."""
    return f"{comparison.a.label} against {comparison.b.label}, under the {comparison.policy} clock"


def _side(side: Side, policy: str) -> str:
    """The side's numbers in a line."""
    n, hits = len(side.runs), int(side.runs["hit"].sum())
    share = wilson(hits, n)
    target = ", ".join(f"{100 * value:.6g} %" for value in sorted(side.runs["target"].unique()))
    return (
        f"{side.label}: {plural(n, 'run')} on {_machines(side)}; median {_time(side, policy)}; "
        f"{hits} of {n} reached {target}, P(hit) [{100 * share.low:.0f}, {100 * share.high:.0f}] %; {_price(side)}"
    )


def _time(side: Side, policy: str) -> str:
    times = side.runs[f"{policy}_s"].dropna().tolist()
    if not times:
        return "time unknown"
    interval = median_interval(times)
    between = f" [{significant(interval.low)}, {significant(interval.high)}]" if interval else ""
    return f"{significant(float(side.runs[f'{policy}_s'].median()))} s{between}"


def _machines(side: Side) -> str:
    return ", ".join(sorted({one_line(name) for name in side.runs["machine"]}))


def _price(side: Side) -> str:
    columns = side.runs[["hourly", "currency", "pricing_category"]]
    prices = {
        UNKNOWN if hourly is None else f"{significant(hourly)} {currency}/h {CATEGORIES.get(category, category)}"
        for hourly, currency, category in columns.itertuples(index=False)
    }
    return f"price {', '.join(sorted(prices))}"


def _counts(side: Side) -> dict[str, Any]:
    return {
        "label": side.label,
        "runs": len(side.runs),
        "completed": int((side.runs["status"] == "completed").sum()),
        "hits": int(side.runs["hit"].sum()),
        "invalid": side.invalid,
        "machines": sorted({one_line(name) for name in side.runs["machine"]}),
    }


def _flat(finding: Finding) -> dict[str, Any]:
    interval = finding.interval
    return {
        "metric": finding.metric,
        "measure": finding.measure,
        "n": list(finding.n),
        "estimate": _finite(finding.estimate),
        "low": _finite(interval.low) if interval else None,
        "high": _finite(interval.high) if interval else None,
        "method": interval.method if interval else None,
        "winner": finding.winner,
        "inconclusive": finding.inconclusive,
        "text": finding.text,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
