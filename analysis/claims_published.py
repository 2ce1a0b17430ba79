"""Claims held against the published entries: one run each, so numbers without intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.claims import Book, Check, Claim, Metric, Side, judge
from analysis.escape import clean
from analysis.hardware import gpu_count
from bench.record.documents import Published

UNITS: dict[Metric, str] = {"time": "s", "cost": "USD", "gpus": "GPUs", "cost-per-success": "USD a success"}
_TIMED: frozenset[Metric] = frozenset({"time", "cost", "cost-per-success"})


def check_published(claim: Claim, book: Book, entries: Sequence[Published]) -> Check:
    """`claim` held against its two entries; what is not among `entries` is unknown."""
    known = {entry.source_file: entry for entry in entries}
    a, b = _side(claim, known.get(claim.a), claim.a), _side(claim, known.get(claim.b), claim.b)
    if claim.success_a and a.value is not None:
        hits, runs = claim.success_a
        a = Side(a.name, a.value * runs / hits, a.unit)
    factor = _ratio(a, b)
    verdict = judge(claim, factor, single=True)
    notes = [claim.note] if claim.note else []
    if claim.success_a:
        notes.append("A hit in {} of {} runs".format(*claim.success_a))
    if factor is None:
        notes.append("an entry, or its price or number of GPUs, is unknown")
    if verdict == "not supported":
        notes += _needs(claim, a, b, known)
    notes += _clocks(claim, book, known.get(claim.a), factor)
    return Check(
        claim=claim,
        basis="published entries",
        a=a,
        b=b,
        factor=factor,
        verdict=verdict,
        notes=tuple(clean(note) for note in notes),
    )


def amount(value: float, unit: str) -> str:
    """`value` with its unit, as DAWNBench's tables show it: seconds to 2 decimals, money to 4."""
    if unit == "GPUs":
        return f"{value:g} GPU{'' if value == 1 else 's'}"
    digits = 2 if unit == "s" else 4
    # A cost of a few hundredths of a cent would be lost.
    return f"{value:.{digits}f} {unit}" if value >= 10**-digits * 100 else f"{value:.3g} {unit}"


def _side(claim: Claim, entry: Published | None, file: str) -> Side:
    value = _value(claim, entry) if entry else None
    return Side(clean(entry.author if entry else file), value, UNITS[claim.metric])


def _value(claim: Claim, entry: Published) -> float | None:
    if claim.metric == "time":
        return entry.time_to_target_s
    if claim.metric == "gpus":
        return gpu_count(entry.hardware)
    return None if entry.cost is None else float(entry.cost)


def _ratio(a: Side, b: Side) -> float | None:
    return b.value / a.value if a.value and b.value else None


def _needs(claim: Claim, a: Side, b: Side, known: Mapping[str, Published]) -> list[str]:
    """What the claimed factor would have taken, and the nearest to it that earlier entries give."""
    assert a.value is not None
    assert b.value is not None
    factor = float(claim.factor)
    notes = [
        f"{claim.factor}x would take {amount(b.value / factor, b.unit)} of A, or a baseline of "
        f"{amount(a.value * factor, a.unit)}"
    ]
    earlier = [entry for entry in known.values() if entry.submitted <= known[claim.a].submitted]
    values = [(_value(claim, entry), entry) for entry in earlier if entry.source_file != claim.a]
    found = sorted((value / a.value, value, entry.author) for value, entry in values if value)
    below = [baseline for baseline in found if baseline[0] < claim.least]
    above = [baseline for baseline in found if baseline[0] >= claim.least]
    near = [f"{ratio:.2f} ({who}, {amount(value, b.unit)})" for ratio, value, who in below[-1:] + above[:1]]
    return [*notes, f"the nearest that earlier entries give: {' and '.join(near)}"]


def _clocks(claim: Claim, book: Book, entry: Published | None, factor: float | None) -> list[str]:
    """Where one of the clocks counted validation and the other did not: what one clock would have said."""
    facts = {clock.entry: clock for clock in book.clocks}
    a, b = facts.get(claim.a), facts.get(claim.b)
    if claim.metric not in _TIMED or not a or not b or a.counts_validation == b.counts_validation:
        return []
    counts, other = ("A", "B") if a.counts_validation else ("B", "A")
    note = f"the clocks differ: {counts}'s counts validation, {other}'s does not"
    seconds = entry.time_to_target_s if entry else None
    if counts == "A" or not a.seconds_with_validation or not seconds or factor is None:
        return [note]
    same = factor * seconds / a.seconds_with_validation
    return [
        f"{note}. With it A takes {a.seconds_with_validation:g} s ({a.source}), which gives {same:.2f}: "
        f"{judge(claim, same, single=True)}"
    ]
