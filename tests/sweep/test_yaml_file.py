"""YAML files that people write: what is wrong in them is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.sweep.yaml_file import read

WRONG = {
    "twice": ("a: 1\nb: 2\na: 3\n", ":3: a stands here twice"),
    "twice, below": (
        "resources:\n  accelerators: T4:1\n  accelerators: V100:1\n",
        ":3: accelerators stands here twice",
    ),
    "twice, in a list": ("any_of:\n  - {infra: aws, infra: gcp}\n", ":2: infra stands here twice"),
    "in itself": ("resources: &r\n  labels: *r\n", ":1: what begins here holds itself"),
    "in a list of itself": ("any_of: &r\n  - infra: aws\n  - [*r]\n", ":1: what begins here holds itself"),
    "two documents": ("# of two tasks\n---\na: 1\n---\nb: 2\n", ":4: a second document begins here"),
    "far down": ("a: " + "[" * 5000 + "]" * 5000, ": not YAML"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}{said}")


def test_anchors_and_merges_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b, x: 3}\nd: [*a, *a]\n")
    assert read(path).content["c"] == {"x": 3, "y": 2}
    path.write_text("a: [&a [], *a]\n" + "".join(f"l{n}: &l{n} [*{f'l{n - 1}' if n else 'a'}]\n" for n in range(30)))
    assert len(read(path).content) == 31
