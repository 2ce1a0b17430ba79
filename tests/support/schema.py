"""JSON Schemas as every version of pydantic spells them."""

from __future__ import annotations

from typing import Any


def without_doubles(schema: Any) -> Any:
    """`schema` without the `enum` of one value that older versions write beside a `const`."""
    if isinstance(schema, list):
        return [without_doubles(part) for part in schema]
    if isinstance(schema, dict):
        return {key: without_doubles(part) for key, part in schema.items() if key != "enum" or "const" not in schema}
    return schema
