"""Documents of providers that are not machine bills, and what to use instead.

They are known by their columns. Some hold no machine, others no amount that was billed: Google's own export has the
credits of a charge beside its cost.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.reconcile.formats.cells import column

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
