"""Claims held against everything at hand: the published entries, and our runs of each machine."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.claims import Check, chosen, load_claims
from analysis.claims_published import check_published
from analysis.claims_runs import check_runs
from bench.record.documents import Published


def check_claims(entries: Sequence[Published], frame: pd.DataFrame, ids: tuple[str, ...] = ()) -> list[Check]:
    """The checks of the claims called `ids`, or of all: against `entries`, then against the runs in `frame`.

    Raises UsageError for a claim that is not there.
    """
    book = load_claims()
    checks: list[Check] = []
    for claim in chosen(book, ids):
        checks += [check_published(claim, book, entries), *check_runs(claim, frame)]
    return checks
