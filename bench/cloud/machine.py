"""What a provider says of the machine that asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

# What a metadata server says goes into records: only what can be a name is believed.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class Machine:
    """A rented machine. None: the provider did not say."""

    provider: str
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    resource_id: str | None = None
    launched: datetime | None = None
    spot: bool | None = None
    # A container shares its host, whose boot says nothing of when it was rented.
    container: bool = False


def name(text: str | None) -> str | None:
    """`text` where it can be the name of a region, a type or a machine."""
    return text if text is not None and _NAME.fullmatch(text) else None
