"""Claims of one's own about two sides: what qualifies them is what qualifies a comparison, and nothing more is said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from analysis.claims.claim import OwnClaim
from analysis.claims.own import OwnCheck, check_own
from analysis.comparison.compare import Metric
from analysis.frames.runs import runs_frame
from analysis.published.runs import with_published
from bench.errors import UsageError
from bench.record.documents import AnyDocument, Device, Price, PublishedRuns, Target
from tests.support import small_store as a
from tests.support.pairs import SLOW, XEON, a_pair, compared, finding, on, series
from tests.support.published_runs import published

FACTOR = {"id": "x", "text": "x", "A": "fast", "B": "slow", "factor": "1.5"}


def check(documents: Iterable[AnyDocument], several: tuple[PublishedRuns, ...] = (), **claim: str) -> OwnCheck:
    """The claim that `fast` is 1.5 times faster than `slow`, with changes, held against the documents."""
    (found,) = check_own([OwnClaim(**(FACTOR | claim))], with_published(runs_frame(documents), several), "store")
    return found


def priced(category: str) -> Price:
    """A dollar an hour."""
    return Price.model_validate(
        {
            "amount": "1",
            "currency": "USD",
            "pricing_category": category,
            "source": "a list",
            "seen": date(2026, 11, 1),
        }
    )


def test_a_claim_finds_what_compare_finds_and_notes_what_it_notes() -> None:
    documents = [
        *series("fast", 100, SLOW, target=Target(dataset="cifar10", metric="accuracy", at_least=0.93)),
        *series("slow", 200, [2 * seconds for seconds in SLOW], device=XEON),
    ]
    comparison, found = compared(documents), check(documents)
    assert (found.found, found.interval) == (finding(comparison, "time").estimate, finding(comparison, "time").interval)
    assert found.verdict == "supported"
    differing = [note for note in comparison.notes if " differs: " in note or "unpaired" in note]
    assert len(differing) > 3
    assert set(differing) <= set(found.notes)


@pytest.mark.parametrize("hosts_differ", [False, True])
def test_interleaved_runs_are_pairs_whatever_types_they_ran_on(hosts_differ: bool) -> None:
    documents = a_pair(drift=5, factor=1.05)
    if hosts_differ:
        fast = series("fast", 300, [10 * value for value in SLOW], device=XEON)
        slow = series("slow", 400, [11 * value for value in SLOW], shared=300, device=XEON)
        documents += [*fast, *slow]
    of_time, found = finding(compared(documents), "time"), check(documents, factor="1.00")
    assert (found.found, found.interval, found.n) == (of_time.estimate, of_time.interval, of_time.n)
    assert found.verdict == "supported"


@pytest.mark.parametrize(
    ("slow", "metric", "note"),
    [
        ({"counts": ("train",)}, "time", "clocks differ: nothing is compared"),
        ({"price": priced("Dynamic")}, "cost", "price categories, such as spot, differ: nothing is compared"),
        (
            {"counts": ("train",), "price": priced("Dynamic")},
            "cost",
            "clocks differ and price categories, such as spot, differ: nothing is compared",
        ),
    ],
)
def test_across_clocks_or_price_categories_there_is_no_verdict(
    slow: dict[str, object], metric: Metric, note: str
) -> None:
    sides = published("fast", 10, price=priced("Standard")), published("slow", 20, **slow)
    found = check([], sides, metric=metric)
    assert (found.verdict, found.found, found.n) == ("inconclusive", None, (10, 10))
    assert found.notes[-1] == note


def test_on_a_clock_of_ours_it_makes_no_difference_what_an_author_counted() -> None:
    """Under `airbench` both have their time: preparing, training and the final evaluation."""
    theirs = published("slow", 60, counts=("prepare", "train", "final_evaluate"))
    found = check(series("fast", 100, SLOW, device=Device(kind="cuda", name="GPU-X")), (theirs,))
    assert found.verdict == "supported"
    assert not any("clock differs" in note for note in found.notes)


@pytest.mark.parametrize(("b", "shared"), [("fast", 24), ("fast@V100", 12)])
def test_a_side_is_not_claimed_against_itself(b: str, shared: int) -> None:
    documents = [*series("fast", 100, SLOW), *series("fast", 300, SLOW, device=XEON)]
    with pytest.raises(UsageError, match=f"claim x: fast and {b} have {shared} runs in common"):
        check(documents, B=b, factor="1.0")


def test_too_few_runs_for_compare_are_too_few_for_a_claim() -> None:
    """On three machines each, too, whose interval would be about their types."""
    documents: list[AnyDocument] = [*on(3, "fast", 100, 1)[::8], *on(3, "slow", 300, 2, other=50, apart=50)[::8]]
    found = check(documents)
    assert (found.verdict, found.interval, found.n) == ("inconclusive", None, (3, 3))
    assert found.notes[-1] == "n = 3, 3; at least 6 are needed"
    assert finding(compared(documents), "time").inconclusive == found.notes[-1]


def test_of_one_side_the_notes_say_what_it_mixes() -> None:
    documents: list[AnyDocument] = [
        a.a_lease(1),
        a.a_lease(2, pricing_category="Dynamic"),
        *series("fast", 100, SLOW, lease_id=a.an_id(1)),
        *series("fast", 200, SLOW, lease_id=a.an_id(2)),
    ]
    claim = OwnClaim(**{"id": "x", "text": "x", "A": "fast", "metric": "cost", "at_most": "1"})
    (found,) = check_own([claim], runs_frame(documents), "store")
    assert "mixes more than one price category: on-demand, spot" in found.notes
    assert "12 of fast repeat a seed: their accuracies may be copies, so n may be too large" in found.notes
