"""Documents to plain content and back, each in the shape of its own version: what was written once keeps its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.record.base import SCHEMA_VERSION, Document

_STILL_1 = ("lease-opened", "lease-closed", "bill", "published", "published-runs")
# Fields that earlier versions did not have: of a run, and of its parts.
_SINCE_2 = ("program", "ended", "cleanup", "resumed_from", "progress")
_SINCE_3 = ("machine", "peak_memory")
_PARTS_SINCE_2 = {"device": ("compared",), "environment": ("cudnn", "triton")}


def content_of(document: Document) -> dict[str, Any]:
    """The document as plain JSON content, without its checksum."""
    content = document.model_dump(mode="json")
    if content["kind"] != "run" or content["schema_version"] == SCHEMA_VERSION:
        return content
    of_2 = _without(content, _SINCE_3)
    return _down_to_1(of_2) if content["schema_version"] == 1 else of_2


def newest_version(content: dict[str, Any]) -> int:
    """The newest version of such a document that can be read: the kinds do not go on together."""
    return 1 if content.get("kind") in _STILL_1 else SCHEMA_VERSION


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Stored content in the shape of today, under its own `schema_version`. What does not fit, the schema will say."""
    if content.get("kind") != "run" or content.get("schema_version") != 1:
        return content
    evaluations = content.get("evaluations")
    if not isinstance(evaluations, list) or not all(isinstance(each, dict) for each in evaluations):
        return content
    return content | {"evaluations": [_with_metrics(each) for each in evaluations]}


def _with_metrics(evaluation: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in evaluation.items() if name != "accuracy"}
    return rest | {"metrics": {"accuracy": evaluation.get("accuracy")}}


def _down_to_1(content: dict[str, Any]) -> dict[str, Any]:
    evaluations = [
        _without(each, ("metrics", "step")) | {"accuracy": each["metrics"]["accuracy"]}
        for each in content["evaluations"]
    ]
    parts = {part: _without(content[part], since) for part, since in _PARTS_SINCE_2.items()}
    return _without(content, _SINCE_2) | parts | {"evaluations": evaluations}


def _without(content: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}
