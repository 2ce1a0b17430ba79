"""Where a machine may be, as task files and sweeps say: `infra: aws/us-east-1`, or the older `cloud` and `region`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A cloud and a region of it, in small letters. None: any."""

    provider: str | None
    region: str | None

    def meets(self, other: Place) -> bool:
        """Whether one machine can be in both."""
        return all(None in pair or pair[0] == pair[1] for pair in zip(self, other, strict=True))


def infra(words: Mapping[str, Any]) -> str:
    """The place that `words` name, as SkyPilot's `infra` says it: cloud/region/zone, * for any, empty for all."""
    said = words.get("infra") or "/".join(str(words.get(key) or "*") for key in ("cloud", "region", "zone"))
    return str(said).rstrip("/*")


def place(words: Mapping[str, Any]) -> Place:
    """The place that `words` name."""
    provider, region = (*infra(words).lower().split("/"), "", "")[:2]
    return Place(*(None if word in ("", "*") else word for word in (provider, region)))
