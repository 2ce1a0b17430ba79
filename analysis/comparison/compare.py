"""A against B: two recipes, machines or stores compared metric by metric, with qualifications, and rendered."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import pandas as pd

from analysis.comparison.metrics import Finding, compare_metric
from analysis.comparison.qualifications import (
    METRICS,
    Metric,
    conditions,
    design,
    doubts,
    in_common,
    on_shared_types,
    shown,
)
from analysis.comparison.side import Side, about, in_shares, select, side_counts, side_line
from analysis.frames import Clock, clock_of
from analysis.stats import LEVEL, POWER, visible_difference
from bench.errors import UsageError
from bench.record.documents import DEFAULT_POLICY, Policy
from bench.text import Column, Table, escape_markdown, one_line

__all__ = ["METRICS", "Comparison", "Finding", "Metric", "Side", "compare", "select", "slower"]

# Variances of shares below this are rounding: one image of 10,000 more or less is 1e-8.
_ROUNDING = 1e-15
Format = Literal["table", "markdown", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
# The version of the JSON: raise it with any change of a name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Comparison:
    """The findings of A against B under a clock, one a metric, with the notes that qualify them."""

    policy: Clock
    a: Side
    b: Side
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def compare(a: Side, b: Side, *, policy: Policy = DEFAULT_POLICY, metrics: Sequence[Metric] = METRICS) -> Comparison:
    """A against B in each of `metrics`. Two sides with one label are told apart by (A) and (B).

    Of runs on several types of machine those count that are of a type which both ran on, where there is one. Programs
    that mark no phases are compared under `cold`, whatever the `policy`.

    Raises UsageError where a run is on both sides, or a side has no run that counts.
    """
    if a.label == b.label:
        a, b = replace(a, label=f"{a.label} (A)"), replace(b, label=f"{b.label} (B)")
    for side in (a, b):
        if side.runs.empty:
            raise UsageError(f"no valid run of {side.label}: clocks were read while the device was busy; run again")
    shared = in_common(a, b)
    if shared:
        raise UsageError(f"{shared}, or name another store with --baseline-store")
    a, b, left_out = on_shared_types(a, b)
    clock = clock_of(pd.concat([a.runs, b.runs]), policy)
    findings = tuple(compare_metric(metric, a, b, clock) for metric in dict.fromkeys(metrics))
    notes = [*left_out, *_notes(a, b, clock, findings)]
    return Comparison(clock, a, b, findings, tuple(map(one_line, notes)))


def slower(comparison: Comparison, share: float) -> bool | None:
    """Whether A takes more than `share` (0.05 is 5 %) longer than B; None where the runs do not say.

    True where the whole interval of the slowdown lies above, False where none of it does. Raises ValueError
    where `time` was not compared.
    """
    time = next((finding for finding in comparison.findings if finding.metric == "time"), None)
    if time is None:
        raise ValueError("time is not among the metrics compared")
    if time.interval is None:
        return None
    if time.interval.high * (1 + share) < 1:
        return True
    return False if time.interval.low * (1 + share) >= 1 else None


def _notes(a: Side, b: Side, policy: Clock, findings: Sequence[Finding]) -> Iterator[str]:
    yield (
        f"intervals: {100 * LEVEL:g} %, in brackets; a difference counts as one where its interval excludes "
        f'"none". time: {_clock(a, policy)}, medians. 2x faster: half the time. n: runs per side, or pairs.'
    )
    yield design(a, b, max((f.n[0] for f in findings if f.metric == "time"), default=0))
    yield from filter(None, map(about, (a, b)))
    yield from conditions(a, b)
    for side in (a, b):
        yield from doubts(side)
        yield from _untimed(side, policy)
    yield from _visible(a, b, findings)


def _clock(side: Side, policy: Clock) -> str:
    if policy != "published":
        return f"the {policy} clock"
    return f"as published, which counts {', '.join(shown(side, 'counts'))}"


def _untimed(side: Side, policy: Clock) -> Iterator[str]:
    completed = side.runs["status"] == "completed"
    broken, untimed = int((~completed).sum()), int(side.runs.loc[completed, f"{policy}_s"].isna().sum())
    if broken:
        yield f"{broken} of {side.label} did not complete: counted as misses, without a time"
    if untimed:
        yield f"{untimed} of {side.label} completed without a time under the {policy} clock; its median leaves them out"


def _visible(a: Side, b: Side, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        if finding.metric != "accuracy" or finding.winner or finding.inconclusive or not in_shares(a):
            continue
        variance = math.fsum(float(side.runs["accuracy"].var()) for side in (a, b)) / 2
        if variance > _ROUNDING:
            seen = visible_difference(min(finding.n), math.sqrt(variance))
            yield (
                f"accuracy: at this n and spread, a true difference of {100 * seen:.2g} points would be detected with "
                f"probability {100 * POWER:g} %"
            )


def render(comparison: Comparison, format: str) -> str:  # noqa: A002 -- the word that the command's option has
    """The comparison as text, ending in a newline. Raises UsageError for a format not in FORMATS."""
    writers = {"table": as_sentences, "markdown": as_markdown, "json": as_json}
    if format not in writers:
        raise UsageError(f"{format!r} is not a comparison format; choose from {', '.join(FORMATS)}")
    return writers[format](comparison)


def as_sentences(comparison: Comparison) -> str:
    """A title, a line a side, a sentence a metric, then the notes."""
    width = max((len(finding.metric) for finding in comparison.findings), default=0)
    lines = [title(comparison), ""]
    lines += [side_line(side, comparison.policy) for side in (comparison.a, comparison.b)]
    lines += ["", *(f"{finding.metric:<{width}}  {finding.text}" for finding in comparison.findings), ""]
    return "\n".join([*lines, *comparison.notes]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The comparison in GitHub's Markdown, with the findings in a table."""
    columns: tuple[Column[Finding], ...] = (
        Column("metric", lambda finding: finding.metric, numeric=False),
        Column("finding", lambda finding: finding.text, numeric=False),
    )
    sides = (side_line(side, comparison.policy) for side in (comparison.a, comparison.b))
    lines = [f"**{escape_markdown(title(comparison))}**", "", *(f"- {escape_markdown(side)}" for side in sides), ""]
    return "\n".join([*lines, Table(columns, comparison.findings, comparison.notes).as_markdown()])


def as_json(comparison: Comparison) -> str:
    """Everything, numbers in full; unknown is null, and so is an infinite end."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title(comparison),
        "policy": comparison.policy,
        "level": LEVEL,
        "a": side_counts(comparison.a),
        "b": side_counts(comparison.b),
        "findings": [_flat(finding) for finding in comparison.findings],
        "notes": list(comparison.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def title(comparison: Comparison) -> str:
    """What is compared, and by which clock."""
    return f"{comparison.a.label} against {comparison.b.label}, under the {comparison.policy} clock"


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
