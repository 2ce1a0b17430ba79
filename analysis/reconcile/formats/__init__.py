"""The supported bill formats: each turns a provider's rows into the same type of charge."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.reconcile.formats import aws, azure, focus, runpod
from analysis.reconcile.formats.cells import column
from analysis.reconcile.formats.charge import Format
from analysis.reconcile.formats.others import advice_for
from bench.record.documents import BillSource

FORMATS: dict[BillSource, Format] = {
    "focus": focus.Focus(),
    "cur2": aws.Cur2(),
    "azure": azure.Azure(),
    "cost-explorer": aws.CostExplorer(),
    "runpod": runpod.RunPod(),
}
FILES = tuple(FORMATS[source] for source in ("focus", "cur2", "azure"))  # the others are asked over the network

_TITLES = "FOCUS 1.0 to 1.4, AWS CUR 2.0 or Azure's actual cost"


def missing(form: Format, header: Iterable[str]) -> list[str]:
    """The columns that a file with this header lacks to be of this format."""
    there = {column(name) for name in header}
    return [" or ".join(names) for names in form.required if there.isdisjoint(map(column, names))]


def format_of(header: Iterable[str]) -> Format | None:
    """The format of a file with this header; None if there is none."""
    names = list(header)
    return next((form for form in FILES if not missing(form, names)), None)


def complaint(header: Iterable[str]) -> str:
    """Why a file with this header has no known format: what it lacks for the closest one, and the known ones."""
    names = list(header)
    if known := advice_for(names):
        return known
    near = min(FILES, key=lambda form: len(missing(form, names)) / len(form.required))
    lacking = missing(near, names)
    if 2 * len(lacking) > len(near.required):
        return f"no export of {_TITLES}, which are the bills that can be read"
    return f"no export of {_TITLES}: as {near.title} it lacks {', '.join(lacking)}"
