"""Where a machine may be, in the notation of SkyPilot's `infra`: a cloud, a region, a zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

_CLOUDS = {"k8s": "kubernetes"}  # as SkyPilot's `infra` may call it
_ZONE = re.compile(r"([a-z]+(?:-[a-z]+)+-?\d+)-?[a-z]")  # us-east-1a of AWS, us-central1-a of Google


class Place(NamedTuple):
    """A cloud and a region of it, in lower case. None: any."""

    provider: str | None
    region: str | None

    def meets(self, other: Place) -> bool:
        """Whether a machine can be in both."""
        return all(None in pair or pair[0] == pair[1] for pair in zip(self, other, strict=True))


def infra(words: Mapping[str, Any]) -> str:
    """The place named by `words`, as SkyPilot's `infra`: cloud/region/zone, * for any, empty for any place."""
    named = words.get("infra") or "/".join(str(words.get(key) or "*") for key in ("cloud", "region", "zone"))
    return str(named).rstrip("/*")


def place(words: Mapping[str, Any]) -> Place:
    """The place named by `words`; a zone alone implies its region."""
    provider, region, zone = (*infra(words).lower().split("/"), "", "", "")[:3]
    if region in ("", "*") and (known := _ZONE.fullmatch(zone)):
        region = known[1]
    return Place(*(None if word in ("", "*") else word for word in (_CLOUDS.get(provider, provider), region)))


def narrowed_infra(words: Mapping[str, Any], asked: str) -> str:
    """The infra `asked`, with what `words` add to it, such as the region, if both can be the same place."""
    own = infra(words)
    if not place(words).meets(place({"infra": asked})):
        return asked
    pairs = zip_longest(asked.rstrip("/*").split("/"), own.split("/"), fillvalue="*")
    return "/".join(ours if ours not in ("", "*") else theirs for ours, theirs in pairs)
