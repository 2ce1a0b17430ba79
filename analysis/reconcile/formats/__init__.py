"""The supported bill formats: each turns a provider's rows into the same type of charge.

Documents of providers that are not machine bills are known by their columns, with what to use instead. Some hold no
machine, others no amount that was billed: Google's own export has the credits of a charge beside its cost.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.reconcile.formats import aws, azure, focus, runpod
from analysis.reconcile.formats.cells import column
from analysis.reconcile.formats.charge import ChargeRow, Format, Preview, Row, RowError, is_lease_tag
from bench.record.documents import BillSource

__all__ = [
    "FILES",
    "FORMATS",
    "ChargeRow",
    "Format",
    "Preview",
    "Row",
    "RowError",
    "aws",
    "complaint",
    "format_of",
    "is_lease_tag",
    "missing",
    "runpod",
]

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


_OTHERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("usage_start_time", "cost"),
        "is Google's billing export, with credits apart from costs; export FOCUS from BigQuery",
    ),
    (
        ("SKU ID", "Cost type", "Credit type"),
        "is Google's table of costs, by SKU and not by machine; export FOCUS from BigQuery",
    ),
    (
        ("RecordType", "ItemDescription", "CostBeforeTax"),
        "is AWS's invoice by month, not by machine; export FOCUS or CUR 2.0",
    ),
    (("Total costs($)",), "is a download of Cost Explorer, not by machine; ask it with --cost-explorer"),
    (
        ("lineItem/intervalUsageStart", "cost/myCost"),
        "is Oracle's older cost report; take the FOCUS reports from the same bucket",
    ),
    (("podId", "amount"), "is RunPod's; ask RunPod with --runpod"),
)


def advice_for(header: Iterable[str]) -> str | None:
    """What such a document is and what to take in its place; None where it is not known."""
    there = {column(name) for name in header}
    return next((advice for names, advice in _OTHERS if there.issuperset(map(column, names))), None)
