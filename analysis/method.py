"""The account of how it was measured: clocks, prices, what was counted and left out, machines and software."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.escape import clean
from analysis.groups import Group
from analysis.notes import CLOCKS as CLOCKS
from analysis.words import CATEGORIES, NONE, UNKNOWN
from bench.record.documents import Run
from bench.record.policy import POLICIES, Policy

_ROWS = 40
_MESSAGE = 200


@dataclass(frozen=True)
class Table:
    """A small table of plain text, not yet escaped. `more` rows are not shown."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


def clocks(policy: Policy) -> Table:
    """What each clock counts, the one of this report marked."""
    marked = [(f"{name} (this report)" if name == policy else name, CLOCKS[name]) for name in POLICIES]
    return Table(("clock", "counts"), (*marked, ("lease", "the whole lease of a machine, which no run has alone")))


def counts(groups: Iterable[Group]) -> Table:
    """How many runs each measured row was made of, and what became of the others."""
    rows = [
        (g.letter, g.name, *map(str, (r.runs, r.completed, r.failed, r.interrupted, r.invalid, r.timed, r.hits)))
        for g in groups
        if (r := g.row).kind == "measured"
    ]
    headers = ("", "row", "runs counted", "completed", "failed", "interrupted", "excluded: not synchronised",
               "with a time", "hits")  # fmt: skip
    return _limited(headers, rows)


def prices(groups: Iterable[Group]) -> Table:
    """Each row's price with its source."""
    rows = []
    for group in groups:
        row = group.row
        price = UNKNOWN if row.price_per_hour is None else f"{row.price_per_hour:f} {row.currency or ''}".strip()
        category = CATEGORIES.get(row.pricing_category or "", NONE)
        seen = row.price_seen.isoformat() if row.price_seen else NONE
        rows.append((group.letter, group.name, price, category, row.price_source or NONE, seen))
    return _limited(("", "row", "price an hour", "category", "source", "seen"), rows)


def broken(runs: Iterable[Run]) -> Table:
    """The runs that did not complete: why, in their own words."""
    found: Counter[tuple[str, ...]] = Counter(
        (run.recipe.name, run.status, run.reason, run.message or NONE) for run in runs if run.reason is not None
    )
    return _counted(("recipe", "status", "reason", "message"), found)


def environments(runs: Iterable[Run]) -> Table:
    """The machines and the software of the runs."""
    headers = ("recipe", "device", "computed in", "GPU", "driver", "CUDA", "torch", "Python", "system", "CPU",
               "cores", "bench", "git commit", "image")  # fmt: skip
    return _counted(headers, Counter(map(_environment, runs)))


def _environment(run: Run) -> tuple[str, ...]:
    e, device = run.environment, run.device
    said = (run.recipe.name, f"{device.count} x {device.name}", f"{device.precision}, {device.path}", e.gpu, e.driver,
            e.cuda, e.torch, e.python, e.os, e.cpu, str(e.cores), e.bench, _commit(e.git_commit, e.git_dirty),
            e.image_digest)  # fmt: skip
    return tuple(part or UNKNOWN for part in said)


def _commit(commit: str | None, dirty: bool | None) -> str | None:
    return f"{commit[:12]}, with changes" if commit and dirty else commit and commit[:12]


def _counted(headers: tuple[str, ...], found: Counter[tuple[str, ...]]) -> Table:
    """The rows with how many runs each stands for, the most frequent first."""
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rows = [(str(count), *map(_short, row)) for row, count in ordered]
    return _limited(("runs", *headers), rows)


def _limited(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(headers, tuple(rows[:_ROWS]), max(0, len(rows) - _ROWS))


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _MESSAGE else f"{text[: _MESSAGE - 1]}…"
