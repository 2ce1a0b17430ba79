"""Claims of one's own: what the file may say, and each verdict."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from analysis.claims.claim import OwnClaim, read_claims
from analysis.claims.own import OwnCheck, check_own, own_json, own_table
from analysis.frames.runs import runs_frame
from bench.errors import UsageError
from bench.lease.machine import MachineOptions, lease_by_options
from bench.record.documents import AnyDocument, Evaluation, MetricTarget, Phase, Run
from tests.support.builders import make_run
from tests.support.pairs import on
from tests.support.program_runs import PROGRAM, losses, make_program_run

ROOT = Path(__file__).parents[3]


def runs(name: str, seconds: float, loss: float, n: int = 8) -> list[Run]:
    """Runs of about `seconds` that are at about `loss` in the end."""
    return [
        make_program_run(
            program=PROGRAM.model_copy(update={"name": name}),
            seed=seed,
            phases=(Phase(name="process", start=0, stop=seconds + seed / 100),),
            evaluations=(losses(loss + seed / 10_000)[0].model_copy(update={"at": seconds + seed / 100}),),
        )
        for seed in range(n)
    ]


def elsewhere(found: list[Run]) -> list[Run]:
    """The same on another type of machine."""
    return [run.model_copy(update={"device": run.device.model_copy(update={"name": "A100"})}) for run in found]


def check(**claim: Any) -> OwnCheck:
    """A claim held against the programs `new` (30 s, 3.2) and `old` (60 s, 3.25), 8 runs each, and `few`."""
    frame = runs_frame([*runs("new", 30, 3.2), *runs("old", 60, 3.25), *runs("few", 30, 3.2, n=2)])
    (found,) = check_own([OwnClaim(**({"id": "x", "text": "x"} | claim))], frame, "store")
    return found


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ({"A": "new", "B": "old", "factor": "1.9"}, "supported"),
        ({"A": "new", "B": "old", "factor": "2.0"}, "supported"),
        ({"A": "new", "B": "old", "factor": "2.1"}, "not supported"),
        ({"A": "new", "at_most": "31"}, "supported"),
        ({"A": "new", "at_most": "29.0"}, "not supported"),
        ({"A": "new", "at_most": "0.51", "unit": "min"}, "supported"),
        ({"A": "new", "at_least": "29"}, "supported"),
        ({"A": "new", "at_most": "3.28", "metric": "val_loss"}, "supported"),
        ({"A": "old", "at_most": "3.20", "metric": "val_loss"}, "not supported"),
        ({"A": "old", "at_least": "3.2", "metric": "val_loss"}, "supported"),
        ({"A": "few", "at_most": "31"}, "inconclusive"),
        ({"A": "nobody", "at_most": "31"}, "inconclusive"),
        ({"A": "new", "at_most": "31", "metric": "cost"}, "inconclusive"),
        ({"A": "new", "at_most": "1", "metric": "bpb"}, "inconclusive"),
    ],
)
def test_the_verdict(claim: dict[str, Any], verdict: str) -> None:
    assert check(**claim).verdict == verdict


@pytest.mark.parametrize(
    ("hosts", "claim", "method"),
    [
        (1, {"A": "fast", "at_most": "60.5"}, "order statistics"),
        (5, {"A": "fast", "at_most": "60.5"}, "random effects of machines"),
        (5, {"A": "fast", "B": "slow", "factor": "1.00"}, "random effects of machines, 5 and 5 machines"),
    ],
)
def test_a_verdict_about_a_type_is_of_machines(hosts: int, claim: dict[str, Any], method: str) -> None:
    frame = runs_frame([*on(hosts, "fast", 100, 1), *on(hosts, "slow", 300, 1.01, other=50, apart=50)])
    (found,) = check_own([OwnClaim(**({"id": "x", "text": "x"} | claim))], frame, "store")
    assert found.interval is not None
    assert found.interval.method == method
    assert found.verdict == ("supported" if hosts == 1 else "inconclusive")
    assert len([note for note in found.notes if "ran on 1 machine" in note]) == (1 if hosts == 1 else 0)


def priced(found: list[Run], price: str, currency: str = "USD") -> list[AnyDocument]:
    """The runs in a lease at that price an hour."""
    lease = lease_by_options(MachineOptions(price_per_hour=price, currency=currency))
    return [lease, *(run.model_copy(update={"lease_id": lease.id}) for run in found)]


@pytest.mark.parametrize(
    ("documents", "claim", "n", "note"),
    [
        (
            [*priced(runs("new", 30, 3.2), "3"), *priced(runs("old", 60, 3.2), "3", "EUR")],
            {"A": "new", "B": "old", "factor": "1.9", "metric": "cost"},
            (8, 8),
            "prices in EUR and USD: nothing is compared",
        ),
        (
            [*priced(runs("new", 30, 3.2), "3"), *priced(runs("new", 60, 3.2), "3", "EUR")],
            {"A": "new", "at_most": "0.1", "metric": "cost"},
            (16,),
            "prices in EUR and USD: nothing is compared",
        ),
        (
            [*priced(runs("new", 30, 3.2), "0"), *priced(runs("old", 60, 3.2), "3")],
            {"A": "new", "B": "old", "factor": "1.9", "metric": "cost"},
            (8, 8),
            "a cost of 0 has no ratio",
        ),
        (
            [*runs("new", 30, 3.2), *elsewhere(runs("new", 90, 3.2))],
            {"A": "new", "at_most": "31"},
            (16,),
            "new ran on 2 machine types, A100, Tesla V100: select one with @MACHINE",
        ),
        (
            [*(make_run(seed=seed) for seed in range(8)), *runs("old", 60, 3.2)],
            {"A": "myrtle", "B": "old", "factor": "1.9"},
            (8, 0),
            "old: 0 of 8 runs have the value, under the airbench clock",
        ),
    ],
)
def test_unlike_values_give_no_verdict(
    documents: list[AnyDocument], claim: dict[str, Any], n: tuple[int, ...], note: str
) -> None:
    (found,) = check_own([OwnClaim(**({"id": "x", "text": "x"} | claim))], runs_frame(documents), "store")
    assert (found.verdict, found.found, found.n) == ("inconclusive", None, n)
    assert found.notes[-1] == note


def test_of_two_sides_the_runs_on_machines_of_one_side_alone_are_left_out() -> None:
    documents = [*runs("new", 30, 3.2), *elsewhere(runs("new", 90, 3.2)), *runs("old", 60, 3.2)]
    claim = OwnClaim(**{"id": "x", "text": "x", "A": "new", "B": "old", "factor": "2.0"})
    (found,) = check_own([claim], runs_frame(documents), "store")
    assert (found.verdict, found.n) == ("supported", (8, 8))
    assert "left out: 8 runs of new on A100, where old did not run" in found.notes


def test_p_is_that_of_a_one_sided_t_test() -> None:
    values = [3.2 + seed / 10_000 for seed in range(8)]
    one_sided = stats.ttest_1samp(values, 3.2005, alternative="less").pvalue
    assert 0.01 < one_sided < 0.2
    verdicts = [
        check(A="new", metric="val_loss", at_most="3.200", p=p).verdict for p in (one_sided * 1.01, one_sided * 0.99)
    ]
    assert verdicts == ["supported", "inconclusive"]
    with pytest.raises(ValueError, match="p is for means"):
        check(A="new", at_most="31", p=0.01)


@pytest.mark.parametrize("p", [1e-15, 0.49])
def test_at_any_p_there_is_a_verdict_with_finite_ends(p: float) -> None:
    found = check(A="new", metric="val_loss", at_most="1e9", p=p)
    assert found.verdict == "supported"
    assert json.loads(own_json([found]))["checks"][0]["found_low"] <= 3.2004


def test_percent_are_not_claimed_of_a_share() -> None:
    claim = OwnClaim(**{"id": "x", "text": "x", "A": "myrtle", "metric": "accuracy", "at_least": "93.5"})
    with pytest.raises(UsageError, match=re.escape("claim x: 93.5 is not a fraction of 1")) as refused:
        check_own([claim], runs_frame([make_run(seed=seed) for seed in range(8)]), "store")
    assert "0.935" in str(refused.value)


def test_a_program_may_show_percent_and_claim_them() -> None:
    top1 = MetricTarget(metric="top1_acc", at_least=93, at_most=None)
    shown = [
        make_program_run(
            seed=seed,
            target=top1,
            evaluations=(Evaluation(metrics={"top1_acc": 94 + seed / 100}, at=20, final=True),),
        )
        for seed in range(8)
    ]
    claim = OwnClaim(**{"id": "x", "text": "x", "A": "gpt2", "metric": "top1_acc", "at_least": "93.5"})
    (found,) = check_own([claim], runs_frame(shown), "store")
    assert found.verdict == "supported"


@pytest.mark.parametrize(("name", "n"), [("few", 2), ("one", 1)])
def test_where_runs_are_too_few_for_an_interval_a_note_says_how_many_are_needed(name: str, n: int) -> None:
    frame = runs_frame([*runs("few", 30, 3.2, n=2), *runs("one", 30, 3.2, n=1)])
    claims = [
        OwnClaim(**{"id": "x", "text": "x", "A": name, "metric": metric, "at_most": "31"})
        for metric in ("time", "val_loss")
    ]
    time, loss = check_own(claims, frame, "store")
    assert time.interval is None
    assert time.notes[-1] == f"n = {n}; at least 6 are needed"
    assert (loss.interval is None) == (n == 1)
    assert (f"n = {n}; at least 2 are needed" in loss.notes) == (n == 1)


def test_what_was_found_is_in_the_table_and_in_json() -> None:
    found = check(A="new", B="old", factor="1.9")
    assert found.found == pytest.approx(60.035 / 30.035)
    assert found.n == (8, 8)
    (row,) = json.loads(own_json([found]))["checks"]
    assert (row["verdict"], row["A"], row["B"], row["factor"], row["found_unit"]) == (
        "supported",
        "new",
        "old",
        "1.9",
        "x",
    )
    assert "time: B/A 1.9" in own_table([found]).as_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "claim: Field required"),
        ("x = ", "not TOML"),
        ('[[claim]]\nid = "a"\ntext = "a"\nA = "a"', "exactly one of factor, at_most and at_least"),
        ('[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nat_most = 3.2', "must be text"),
        ('[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nfactor = "2"', "factor needs B"),
        (
            '[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nB = "b"\nfactor = "2"\nmetric = "loss"',
            "factor is for time or cost",
        ),
        ('[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nat_most = "2"\nwhat = 1', "claim.0.what: there is no such field"),
        (
            '[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nat_most = "2"\nmetric = "loss"\np = 1e-300',
            "claim.0: p must be at least 1e-15",
        ),
        (2 * '[[claim]]\nid = "a"\ntext = "a"\nA = "a"\nat_most = "2"\n', "two claims have the id a"),
    ],
)
def test_what_is_no_file_of_claims(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        read_claims([path])
    assert "[[claim]]" in str(refused.value)  # what one looks like


@pytest.mark.parametrize("second", ["theirs.toml", "mine.toml"])
def test_an_id_is_of_one_claim_in_all_files(second: str, tmp_path: Path) -> None:
    for name in ("mine.toml", "theirs.toml"):
        (tmp_path / name).write_text('[[claim]]\nid = "fast"\ntext = "x"\nA = "a"\nat_most = "2"\n')
    paths = [tmp_path / "mine.toml", tmp_path / second]
    with pytest.raises(UsageError, match=r"\bfast\b") as refused:
        read_claims(paths)
    assert all(str(path) in str(refused.value) for path in paths)


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(f'[[claim]]\nid = "{name}"\ntext = "x"\nA = "a"\nat_most = "2"\n')
    assert [claim.id for claim in read_claims([tmp_path / "b", tmp_path / "a"])] == ["b", "a"]


@pytest.mark.parametrize(
    ("metric", "meant"),
    [
        ("vall_loss", "; did you mean val_loss?"),
        ("tine", "; did you mean time?"),
        ("bpb", "; their metrics are val_loss, time, cost"),
        ("val_loss", ""),
    ],
)
def test_a_metric_that_no_run_has_is_told_from_one_that_it_has(metric: str, meant: str) -> None:
    found = check(A="new", metric=metric, at_most="3.28")
    n = 8 if metric == "val_loss" else 0
    assert f"new: {n} of 8 runs have the value{meant}" in found.notes
    assert found.verdict == ("supported" if n else "inconclusive")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_claims([tmp_path / "missing.toml"])


def test_the_example_of_the_document_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "mine.toml"
    path.write_text(example, encoding="utf-8")
    assert [claim.id for claim in read_claims([path])] == ["gpt2-in-an-hour", "good-enough", "faster"]
