"""Claims: the rule, the Myrtle claims against the published entries, and our own runs."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st
from pydantic import ValidationError

from analysis.claims.check import amount, as_json, check_published, check_runs, claims_table
from analysis.claims.claim import Check, Claim, chosen, judge, load_claims
from analysis.frames.runs import runs_frame
from analysis.published.dawnbench.entries import published_documents
from analysis.stats.intervals import Interval
from bench.errors import UsageError
from bench.record.documents import AnyDocument, RecipeRef, Run
from tests.support import small_store
from tests.support.pairs import on

BOOK = load_claims()
ENTRIES = published_documents()
PAGE, FASTEST = ENTRIES[7], ENTRIES[9]


def a_claim(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": "x",
        "text": "2x",
        "source": "a post",
        "metric": "time",
        "factor": "2.0",
        "A": PAGE.source_file,
        "B": FASTEST.source_file,
        "runs_A": "fast",
        "runs_B": "slow",
    }
    return Claim.model_validate(fields | changes)


def published(name: str) -> Check:
    (claim,) = chosen(BOOK, (name,))
    return check_published(claim, BOOK, ENTRIES)


@pytest.mark.parametrize(
    ("name", "factor", "verdict"),
    [
        ("page-time", 173.96 / 74.04, "not supported"),
        ("page-gpus", 8, "supported"),
        ("page-cost", 0.2582 / 0.0629, "supported"),
        ("page-cost-fastest", 18.8, "supported"),
        ("page-cost-success", 1 / 0.348, "not supported"),
        ("page-time-single", 4.60, "supported"),
    ],
)
def test_the_claims_about_pages_entry(name: str, factor: float, verdict: str) -> None:
    check = published(name)
    assert check.factor == pytest.approx(factor, rel=0.001)
    assert check.verdict == verdict


def test_every_claim_is_of_entries_that_are_there() -> None:
    files = {entry.source_file for entry in ENTRIES}
    assert len({claim.id for claim in BOOK.claims}) == len(BOOK.claims)
    assert {file for claim in BOOK.claims for file in (claim.a, claim.b)} <= files
    assert {clock.entry for clock in BOOK.clocks} <= files


def test_a_claim_that_fails_says_what_it_would_take_and_what_there_was() -> None:
    notes = published("page-time").notes
    assert any("69.58 s" in note and "185.10 s" in note for note in notes)
    assert any("2.35 (fast.ai + students, 173.96 s) and 4.60 (bkj, 340.63 s)" in note for note in notes)


def test_differing_clocks_are_noted_with_what_one_clock_would_say() -> None:
    note = published("page-time-single").notes[-1]
    assert "A takes 79 s (github.com/davidcpage/cifar10-fast), which gives 4.31: not supported" in note
    assert not any("clock" in note for note in published("page-gpus").notes)


def test_an_entry_that_is_unknown_makes_a_claim_inconclusive() -> None:
    check = check_published(a_claim(B="nowhere.json"), BOOK, ENTRIES)
    assert (check.verdict, check.factor, check.b.value) == ("inconclusive", None, None)
    no_price = ENTRIES[0].source_file
    assert check_published(a_claim(metric="cost", B=no_price), BOOK, ENTRIES).verdict == "inconclusive"


def test_untrusted_names_are_cleaned() -> None:
    odd = [entry.model_copy(update={"author": "x\x1b[31m\ny"}) for entry in ENTRIES]
    check = check_published(a_claim(factor="9"), BOOK, odd)
    assert check.a.name == "x [31m y"
    assert all(note.isprintable() for note in check.notes)


@pytest.mark.parametrize(("factor", "least"), [("2.5", "2.45"), ("8", "7.5"), ("4.0", "3.95"), ("10", "9.5")])
def test_a_claim_is_taken_to_the_digits_it_states(factor: str, least: str) -> None:
    assert a_claim(factor=factor).least == Decimal(least)


@given(st.integers(1, 9999), st.integers(0, 3), st.floats(0.001, 1e5))
def test_a_single_number_is_supported_where_it_rounds_to_the_claim_or_more(
    claimed: int, digits: int, found: float
) -> None:
    claim = a_claim(factor=str(Decimal(claimed).scaleb(-digits)))
    half = Decimal(5).scaleb(-digits - 1)
    supported = Decimal(repr(found)) >= claim.factor - half
    assume(abs(found - float(claim.factor - half)) > 1e-9)  # but for the double nearest to the edge
    assert judge(claim, found, single=True) == ("supported" if supported else "not supported")


@given(st.floats(0.1, 10), st.floats(0, 5), st.floats(0, 5))
def test_an_interval_has_to_lie_on_one_side(factor: float, below: float, above: float) -> None:
    interval = Interval(factor - below, factor + above, "made up")
    verdict = judge(a_claim(), factor, interval)
    assert (verdict == "supported") == (interval.low >= 1.95)
    assert (verdict == "not supported") == (interval.high < 1.95)


def test_without_an_interval_runs_are_inconclusive() -> None:
    assert judge(a_claim(), 9.0) == "inconclusive"
    assert judge(a_claim(), None, single=True) == "inconclusive"


def test_a_factor_is_to_be_text_that_keeps_its_digits() -> None:
    with pytest.raises(ValidationError, match="factor"):
        a_claim(factor=2.5)


def test_an_unknown_claim_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="page-time, page-gpus"):
        chosen(BOOK, ("page-tim",))


def runs(slow: float, n: int = 12, **changes: Any) -> list[AnyDocument]:
    """`n` runs of `fast` around 60 s and `n` of `slow`, all of which hit, on one priced machine."""
    seconds = [60 + 0.1 * k for k in range(n)]
    lease = small_store.a_lease(1)
    documents: list[AnyDocument] = [lease]
    for first, name, scale in ((100, "fast", 1.0), (200, "slow", slow)):
        recipe = RecipeRef(name=name, source_sha256="0" * 64)
        times = [scale * second for second in seconds]
        documents += small_store.a_series(first, times, lease_id=lease.id, recipe=recipe, **changes)
    return documents


@pytest.mark.parametrize(("slow", "verdict"), [(3.0, "supported"), (1.5, "not supported"), (1.95, "inconclusive")])
@pytest.mark.parametrize("metric", ["time", "cost"])
def test_our_own_runs_on_one_machine_are_judged_by_their_interval(slow: float, verdict: str, metric: str) -> None:
    (check,) = check_runs(a_claim(metric=metric), runs_frame(runs(slow)))
    assert check.factor == pytest.approx(slow, rel=0.03)
    assert check.interval is not None
    assert check.verdict == verdict
    assert check.basis == "runs on Tesla V100-SXM2-16GB (aws:p3.2xlarge)"
    assert "A 12 of 12 runs, B 12 of 12" in check.notes[0]


@pytest.mark.parametrize(("n", "verdict"), [(5, "inconclusive"), (6, "supported")])
def test_six_runs_a_side_make_a_verdict(n: int, verdict: str) -> None:
    (check,) = check_runs(a_claim(), runs_frame(runs(3.0, n=n)))
    assert check.verdict == verdict
    assert any("at least 6 runs" in note for note in check.notes) == (verdict == "inconclusive")


@pytest.mark.parametrize(("hosts", "verdict"), [(1, "not supported"), (5, "inconclusive")])
def test_a_verdict_about_a_type_is_of_machines(hosts: int, verdict: str) -> None:
    """`slow` takes 1.01 times as long, on other machines, which differ by more than the claim is off."""
    documents = [*on(hosts, "fast", 100, 1), *on(hosts, "slow", 300, 1.01, other=50, apart=50)]
    frame = runs_frame(documents)
    (check,) = check_runs(a_claim(factor="1.014"), frame.assign(dawnbench_s=frame["airbench_s"]))
    assert check.verdict == verdict
    alone = [note for note in check.notes if "ran on 1 machine" in note]
    assert len(alone) == (2 if hosts == 1 else 0)


def test_runs_on_two_machines_are_not_compared() -> None:
    documents = [each for each in runs(3.0) if not isinstance(each, Run) or each.label == "fast"]
    other = small_store.a_lease(2, "9.99")
    recipe = RecipeRef(name="slow", source_sha256="0" * 64)
    elsewhere = small_store.a_series(300, [180.0] * 12, lease_id=other.id, recipe=recipe)
    assert list(check_runs(a_claim(), runs_frame([*documents, other, *elsewhere]))) == []


def test_a_machine_without_a_price_has_no_cost_to_compare() -> None:
    documents = [document for document in runs(3.0) if document.kind == "run"]
    (check,) = check_runs(a_claim(metric="cost"), runs_frame(documents))
    assert (check.verdict, check.factor) == ("inconclusive", None)


@pytest.mark.parametrize("changes", [{"metric": "gpus"}, {"runs_A": None}, {"runs_B": "another"}])
def test_what_was_not_run_is_not_judged(changes: dict[str, Any]) -> None:
    assert list(check_runs(a_claim(**changes), runs_frame(runs(3.0)))) == []


def test_no_runs_are_no_checks() -> None:
    assert list(check_runs(a_claim(), runs_frame([]))) == []


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (173.9588, "s", "173.96 s"),
        (0.0629, "USD", "0.0629 USD"),
        (0.000264, "USD", "0.000264 USD"),
        (1, "GPUs", "1 GPU"),
        (8, "GPUs", "8 GPUs"),
        (0.5, "s", "0.5 s"),
    ],
)
def test_amounts_keep_their_digits(value: float, unit: str, said: str) -> None:
    assert amount(value, unit) == said


def all_checks() -> list[Check]:
    frame = runs_frame(runs(3.0))
    checks = [check_published(claim, BOOK, ENTRIES) for claim in BOOK.claims]
    return [*checks, *check_runs(a_claim(id="own", text="2x | <b>", source="a *post*"), frame)]


@pytest.mark.parametrize("name", ["claims.txt", "claims.md", "claims.json"])
def test_the_whole_output(name: str) -> None:
    """With UPDATE_EXPECTED=1 in the environment the expected files are written anew: read the difference."""
    checks = all_checks()
    table = claims_table(checks)
    texts = {"claims.txt": table.as_text(), "claims.md": table.as_markdown(), "claims.json": as_json(checks)}
    path = Path(__file__).parent / "expected" / name
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(texts[name], encoding="utf-8")
    assert texts[name] == path.read_text(encoding="utf-8")


def test_all_three_formats_say_the_same() -> None:
    checks = all_checks()
    content = json.loads(as_json(checks))
    assert content["schema_version"] == 1
    for check in content["checks"]:
        for text in (claims_table(checks).as_text(), claims_table(checks).as_markdown()):
            assert f"[{check['id']}] {check['basis']}" in text
            assert f"{check['found']:.3g}"[:4] in text
