"""Checks claims against published entries and our runs on each machine; and the table of results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from analysis.claims.claim import RULE, Book, Check, Claim, Metric, Operand, chosen, judge, load_claims, plain_found
from analysis.comparison.side import Side, about, by_run, ratio_of, typical
from analysis.frames import counted, train_costs
from analysis.published.dawnbench.entries import TARGET, gpu_count
from analysis.stats import MEDIAN_FROM
from bench.record.documents import Published
from bench.text import NOT_APPLICABLE, UNKNOWN, Cell, Column, Table, one_line, significant

# The version of the JSON: raise it with any change of a key's name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1

UNITS: dict[Metric, str] = {"time": "s", "cost": "USD", "gpus": "GPUs", "cost-per-success": "USD per success"}
_TIMED: frozenset[Metric] = frozenset({"time", "cost", "cost-per-success"})
_MACHINE = ["machine", "instance", "hourly", "currency", "pricing_category"]


def check_claims(entries: Sequence[Published], frame: pd.DataFrame, ids: tuple[str, ...] = ()) -> list[Check]:
    """The checks of the claims called `ids`, or of all: against `entries`, then against the runs in `frame`.

    Raises UsageError for a claim that is not there.
    """
    book = load_claims()
    checks: list[Check] = []
    for claim in chosen(book, ids):
        checks += [check_published(claim, book, entries), *check_runs(claim, frame)]
    return checks


def check_published(claim: Claim, book: Book, entries: Sequence[Published]) -> Check:
    """`claim` held against its two entries; what is not among `entries` is unknown."""
    known = {entry.source_file: entry for entry in entries}
    a, b = _entry_operand(claim, known.get(claim.a), claim.a), _entry_operand(claim, known.get(claim.b), claim.b)
    if claim.success_a and a.value is not None:
        hits, runs = claim.success_a
        a = Operand(a.name, a.value * runs / hits, a.unit)
    factor = b.value / a.value if a.value and b.value else None
    verdict = judge(claim, factor, single=True)
    notes = [claim.note] if claim.note else []
    if claim.success_a:
        notes.append("A hit in {} of {} runs".format(*claim.success_a))
    if factor is None:
        notes.append("an entry, or its price or number of GPUs, is unknown")
    if verdict == "not supported":
        notes += _nearest(claim, a, b, known)
    notes += _clocks(claim, book, known.get(claim.a), factor)
    return Check(
        claim=claim,
        basis="published entries",
        a=a,
        b=b,
        factor=factor,
        verdict=verdict,
        notes=tuple(one_line(note) for note in notes),
    )


def check_runs(claim: Claim, frame: pd.DataFrame) -> Iterator[Check]:
    """`claim` held against the runs in `frame` (of `runs_frame`): a check for each machine that ran both recipes.

    None for a claim that names no recipes, and for numbers of GPUs. Runs that missed have no time; the notes
    say how many there were.
    """
    if claim.runs_a is None or claim.runs_b is None or claim.metric not in ("time", "cost"):
        return
    runs = frame[frame["recipe"].isin([claim.runs_a, claim.runs_b])]
    if runs["recipe"].nunique() < 2:
        return
    runs = counted(runs)
    runs = runs[(runs["dataset"] == "cifar10") & (runs["target"] == TARGET)]
    for _, group in runs.groupby(_MACHINE, dropna=False, observed=True):
        a, b = group[group["recipe"] == claim.runs_a], group[group["recipe"] == claim.runs_b]
        if len(a) and len(b):
            yield _check_machine(claim, a, b)


def amount(value: float, unit: str) -> str:
    """`value` with its unit, as DAWNBench's tables show it: seconds to 2 decimals, money to 4."""
    if unit == "GPUs":
        return f"{value:g} GPU{'' if value == 1 else 's'}"
    digits = 2 if unit == "s" else 4
    # A cost of a few hundredths of a cent would be lost.
    return f"{value:.{digits}f} {unit}" if value >= 10**-digits * 100 else f"{value:.3g} {unit}"


def _entry_operand(claim: Claim, entry: Published | None, file: str) -> Operand:
    value = _entry_value(claim, entry) if entry else None
    return Operand(one_line(entry.author if entry else file), value, UNITS[claim.metric])


def _entry_value(claim: Claim, entry: Published) -> float | None:
    if claim.metric == "time":
        return entry.time_to_target_s
    if claim.metric == "gpus":
        return gpu_count(entry.hardware)
    return None if entry.cost is None else float(entry.cost)


def _nearest(claim: Claim, a: Operand, b: Operand, known: Mapping[str, Published]) -> list[str]:
    """What the claimed factor would have taken, and the nearest to it that earlier entries give."""
    assert a.value is not None
    assert b.value is not None
    factor = float(claim.factor)
    notes = [
        f"{claim.factor}x would need {amount(b.value / factor, b.unit)} for A, or a baseline of "
        f"{amount(a.value * factor, a.unit)}"
    ]
    earlier = [entry for entry in known.values() if entry.submitted <= known[claim.a].submitted]
    values = [(_entry_value(claim, entry), entry) for entry in earlier if entry.source_file != claim.a]
    ratios = sorted((value / a.value, value, entry.author) for value, entry in values if value)
    below = [baseline for baseline in ratios if baseline[0] < claim.least]
    above = [baseline for baseline in ratios if baseline[0] >= claim.least]
    near = [f"{ratio:.2f} ({author}, {amount(value, b.unit)})" for ratio, value, author in below[-1:] + above[:1]]
    return [*notes, f"closest factors with earlier entries as the baseline: {' and '.join(near)}"]


def _clocks(claim: Claim, book: Book, entry: Published | None, factor: float | None) -> list[str]:
    """A note where only one of the two clocks counted validation, with what one clock for both would have given."""
    clocks = {clock.entry: clock for clock in book.clocks}
    a, b = clocks.get(claim.a), clocks.get(claim.b)
    if claim.metric not in _TIMED or not a or not b or a.counts_validation == b.counts_validation:
        return []
    counts, does_not = ("A", "B") if a.counts_validation else ("B", "A")
    note = f"the clocks differ: {counts}'s counts validation, {does_not}'s does not"
    seconds = entry.time_to_target_s if entry else None
    if counts == "A" or not a.seconds_with_validation or not seconds or factor is None:
        return [note]
    same_clock = factor * seconds / a.seconds_with_validation
    return [
        f"{note}. With it A takes {a.seconds_with_validation:g} s ({a.source}), which gives {same_clock:.2f}: "
        f"{judge(claim, same_clock, single=True)}"
    ]


def _check_machine(claim: Claim, a: pd.DataFrame, b: pd.DataFrame) -> Check:
    values_a, values_b = _run_values(claim, a), _run_values(claim, b)
    known = len(values_a) and len(values_b)
    factor, interval = ratio_of(values_a, values_b, paired=False) if known else (None, None)
    of_which = "medians of those that hit, on the dawnbench clock"
    notes = [f"hits: A {a['hit'].sum()} of {len(a)} runs, B {b['hit'].sum()} of {len(b)}; {of_which}"]
    if factor is None:
        notes.append("nothing to compare: a recipe never hit, or the machine's price is unknown")
    elif interval is None:
        notes.append(f"no interval, so no verdict: each side needs at least {MEDIAN_FROM} runs that hit")
    else:
        notes += filter(None, (about(Side(label, runs[runs["hit"]])) for label, runs in (("A", a), ("B", b))))
    first = a.iloc[0]
    instance = "" if pd.isna(first["instance"]) else f" ({first['instance']})"
    return Check(
        claim=claim,
        basis=one_line(f"runs on {first['machine']}{instance}"),
        a=_runs_operand(claim, a, values_a),
        b=_runs_operand(claim, b, values_b),
        factor=factor,
        interval=interval,
        verdict=judge(claim, factor, interval),
        notes=tuple(one_line(note) for note in notes),
    )


def _run_values(claim: Claim, runs: pd.DataFrame) -> pd.Series[float]:
    """What the runs that hit took: positive values, as the clock and the price are."""
    hits = runs[runs["hit"]]
    costs = [None if cost is None else float(cost) for cost in train_costs(hits, "dawnbench")]
    values = by_run(hits, costs if claim.metric == "cost" else hits["dawnbench_s"])
    return values[values > 0]


def _runs_operand(claim: Claim, runs: pd.DataFrame, values: pd.Series[float]) -> Operand:
    first = runs.iloc[0]
    unit = UNITS[claim.metric] if claim.metric == "time" or pd.isna(first["currency"]) else first["currency"]
    return Operand(one_line(first["recipe"]), typical(values)[0], one_line(unit))


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
        lines.append(check.interval.text())
    if check.claim.metric.startswith("cost"):  # "a quarter" is said of A/B
        lines.append(f"(A/B {significant(1 / check.factor)})")
    return tuple(lines)


def plain(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks with their rule as plain values, unrounded, for JSON."""
    return {"rule": RULE, "checks": [_plain(check) for check in checks]}


def _plain(check: Check) -> dict[str, Any]:
    claim = check.claim
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
        **plain_found(check.factor, check.interval),
        "verdict": check.verdict,
        "notes": list(check.notes),
    }
