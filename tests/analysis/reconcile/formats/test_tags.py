"""The lease's tag in every form that a provider writes it in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from analysis.reconcile.formats.charge import TagError, is_lease_tag, resource_of, tag_of

LEASE = "019aa163-e400-7000-8000-000000000000"


@pytest.mark.parametrize(
    "cell",
    [
        f'{{"bench-lease": "{LEASE}", "env": "dev"}}',
        f'{{"user:bench-lease": "{LEASE}"}}',
        f'{{"user_bench_lease": "{LEASE}"}}',
        f'"bench-lease": "{LEASE}","env": "dev"',
        f'"env": "dev","bench-lease":"{LEASE}"',
        f'"bench-lease": "{LEASE}",',
        f'{{"env": "dev", "bench-lease": "{LEASE}", "not',
        f"{{'bench-lease': '{LEASE}'}}",
        f"env=dev;bench-lease={LEASE}",
        f"bench-lease:{LEASE}",
        f"key:env value:dev; key:bench-lease value:{LEASE}",
        f"Map(env -> dev, bench-lease -> {LEASE})",
        f'{{"env"=>"dev", "bench-lease"=>"{LEASE}"}}',
        f'[{{"key": "bench-lease", "value": "{LEASE}", "x_type": "label"}}]',
        f'[["bench-lease", "{LEASE}"]]',
        f'["bench-lease:{LEASE}"]',
        f"[('env', 'dev'), ('user:bench-lease', '{LEASE}')]",
        f'"{{\\"bench-lease\\": \\"{LEASE}\\"}}"',
        f'{{\\"bench-lease\\": \\"{LEASE}\\"}}',
        f'{{"Operations.bench-lease": "{LEASE}"}}',
        f'{{"Operations/bench-lease": "{LEASE}"}}',
        f'{{"userTag/bench-lease": "{LEASE}"}}',
        f'{{"label:bench-lease": "{LEASE}"}}',
        f'{{"resourceTags/user:bench-lease": "{LEASE}"}}',
        f'{{"freeform": {{"env": "dev", "bench-lease": "{LEASE}"}}, "defined": {{}}}}',
        f'{{"tags": [{{"key": "bench-lease", "value": "{LEASE}"}}]}}',
        f'{{"bench-lease": {{"value": "{LEASE}"}}}}',
        {"bench-lease": LEASE},
        [("env", "dev"), ("bench-lease", LEASE)],
        [{"key": "env", "value": None}, {"key": "bench-lease", "value": LEASE}],
        [{"name": "bench-lease", "value": LEASE}],
    ],
)
def test_the_lease_is_read_from_any_form(cell: Any) -> None:
    assert tag_of(cell) == LEASE


@pytest.mark.parametrize(
    "cell",
    [
        None,
        "",
        "NULL",
        "{}",
        "[]",
        '{"env": "dev"}',
        '"env": "dev"',
        '{"bench-lease": ""}',
        '{"bench-lease": null}',
        '{"bench-lease-of": "x"}',
        '{"bench-lease": "N/A"}',
        '{"bench-lease": "nan"}',
        "bench-lease=N/A",
        "N/A",
        {},
        [],
        [("bench-lease", None)],
    ],
)
def test_tags_without_a_lease_name_none(cell: Any) -> None:
    assert tag_of(cell) is None


@pytest.mark.parametrize(
    "cell", ["bench-lease", "key:bench-lease value of x", '{"bench-lease"', '{"bench-lease": 5}', {"bench-lease": 5}]
)
def test_tags_that_name_a_lease_and_cannot_be_read_are_an_error(cell: Any) -> None:
    with pytest.raises(TagError):
        tag_of(cell)


@given(st.text() | st.text().map(lambda text: f"bench-lease{text}"))
def test_any_text_is_a_lease_none_or_an_error(cell: str) -> None:
    try:
        assert tag_of(cell) is None or "bench" in cell.casefold()
    except TagError:
        assert "bench" in cell.casefold()


def test_a_tag_has_a_column_of_its_own_in_older_reports() -> None:
    tags = ["resourceTags/user:bench-lease", "resource_tags_user_bench_lease", "bench-lease", "Tags.bench_lease"]
    assert [is_lease_tag(name) for name in tags] == [True] * 4
    assert not any(is_lease_tag(name) for name in ("resource_tags", "lease", "bench-lease/of", "my-bench-lease"))


def test_a_resource_is_known_without_its_account() -> None:
    assert resource_of("arn:aws:ec2:us-east-1:111122223333:instance/i-0abc") == "i-0abc"
    assert resource_of("//compute.googleapis.com/projects/p/zones/z/instances/123456") == "123456"
    assert [resource_of(nothing) for nothing in ("NULL", "N/A", "nan", "")] == [None] * 4
