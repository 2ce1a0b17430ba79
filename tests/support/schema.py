"""JSON Schemas as every version of pydantic spells them."""

from __future__ import annotations

from typing import Any


def without_doubles(schema: Any) -> Any:
    """`schema` without what only some versions write: the `enum` of one value beside a `const`, `propertyNames`."""
    if isinstance(schema, list):
        return [without_doubles(part) for part in schema]
    if isinstance(schema, dict):
        told = {key: part for key, part in schema.items() if key != "propertyNames"}
        return {key: without_doubles(part) for key, part in told.items() if key != "enum" or "const" not in schema}
    return schema
