"""Names of a report's rows, short for points and lines, and full: unique within a report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len, chop_cells

from analysis.tables.cost_table import Row
from bench.text import CATEGORIES

LONGEST = 30  # in letters, of which a Chinese character takes two
# What tells rows apart that have one name, in the order in which it is asked. A machine of ours is in the name.
_PARTS: tuple[Callable[[Row, str], str], ...] = (
    lambda row, machine: machine if row.kind == "published" else "",
    lambda row, _: row.precision or "",
    lambda row, _: row.path or "",
    lambda row, _: row.convolution or "",
    lambda row, _: row.instance or "",
    lambda row, _: CATEGORIES.get(row.pricing_category or "", ""),
    lambda row, _: "" if row.price_per_hour is None else f"{row.price_per_hour:f} {row.currency}/h",
    lambda row, _: "" if row.target is None else f"to {100 * row.target if row.dataset else row.target:.6g}",
)
# What a machine's name says beside the model.
_NOISE = re.compile(r"\((?:R|TM)\)|(?:\b|-)(?:NVIDIA|AMD|Intel|Tesla|GeForce|Processor|CPU|\d+ ?GB|HBM\d\w*)\b")


def short_names(rows: Sequence[Row]) -> list[str]:
    """A name for each of `rows`: LONGEST at most, and a number where they tell no more."""
    machines = _short_machines({row.machine for row in rows})
    several = len({row.machine for row in rows if row.kind == "measured"}) > 1
    names = [
        row.recipe.partition(": ")[0]  # of an entry: its author
        if row.single_entry
        else _joined(row.recipe, machines[row.machine] if several and row.kind == "measured" else "")
        for row in rows
    ]
    return _numbered(_cut(name) for name in disambiguated(names, rows, [machines[row.machine] for row in rows]))


def full_names(rows: Sequence[Row]) -> list[str]:
    """A name for each of `rows` with its machine and how it was computed: as long as it takes to tell it apart."""
    names = []
    for row in rows:
        convolution = None if row.convolution == "direct" else row.convolution
        category = CATEGORIES[row.pricing_category] if row.pricing_category in ("Dynamic", "Committed") else ""
        how = (row.precision, row.path, convolution, category)
        names.append(_joined(row.recipe, row.machine, *(part or "" for part in how)))
    return _numbered(disambiguated(names, rows))


def disambiguated(names: Sequence[str], rows: Sequence[Row], machines: Sequence[str] | None = None) -> list[str]:
    """`names` of `rows`, those that several have with what differs between them, as far as anything does.

    `machines`: as they are to be called where the machine differs, which is not asked without them.
    """
    found = list(names)
    of_rows = list(zip(rows, machines or [""] * len(rows), strict=True))
    for part in _PARTS:
        for name, count in Counter(found).items():
            places = [place for place, other in enumerate(found) if other == name] if count > 1 else []
            if len({part(*of_rows[place]) for place in places}) > 1:
                for place in places:
                    found[place] = _joined(name, part(*of_rows[place]))
    return found


def _short_machines(machines: Iterable[str]) -> dict[str, str]:
    """The machines by their models, those of one and the same model by their whole names."""
    short = {machine: " ".join(_NOISE.sub(" ", machine.partition(" / ")[0]).split()) or machine for machine in machines}
    counts = Counter(short.values())
    return {machine: name if counts[name] == 1 else machine for machine, name in short.items()}


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _cut(name: str) -> str:
    return name if cell_len(name) <= LONGEST else f"{chop_cells(name, LONGEST - 1)[0].rstrip(', ')}…"


def _numbered(names: Iterable[str]) -> list[str]:
    """`names`, each that is there already with the first free number behind it."""
    found: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name} ({number})"
        found[free] = None
    return list(found)
