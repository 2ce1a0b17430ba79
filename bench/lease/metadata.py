"""A metadata server, asked over plain HTTP within a time limit: no proxy, no redirect, no error to handle."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ADDRESS = "http://169.254.169.254"  # the same link-local address at AWS, Google and Azure
_LONGEST = 64 * 1024


class Answer(NamedTuple):
    """An answer with status 200; header names are in lower case."""

    text: str
    headers: Mapping[str, str]


class Metadata:
    """The server at `endpoint`, such as `http://169.254.169.254`, for `seconds` from now on."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        self._endpoint = endpoint
        self._until = time.monotonic() + seconds

    def ask(self, path: str, headers: Mapping[str, str], method: str = "GET") -> Answer | None:
        """The answer for `path`; None where there is none in time, or one with another status than 200."""
        left = self._until - time.monotonic()
        if left <= 0:
            return None
        try:
            address = urlsplit(self._endpoint)
            if address.scheme != "http" or not address.hostname:
                return None
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=left)
            try:
                connection.request(method, address.path.rstrip("/") + path, headers=dict(headers))
                response = connection.getresponse()
                text = response.read(_LONGEST).decode()
                lower = {key.lower(): value for key, value in response.getheaders()}
                return Answer(text, lower) if response.status == 200 else None
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException):
            return None


def json_object(text: str | None) -> dict[str, Any]:
    """The JSON object that `text` holds; empty where there is none."""
    try:
        content = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def text_of(content: Mapping[str, Any], key: str) -> str | None:
    """The text under `key`; None where there is none."""
    value = content.get(key)
    return value if isinstance(value, str) else None


# What a metadata server answers goes into records: only what can be a name is believed.
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


def valid_name(text: str | None) -> str | None:
    """`text` where it can be the name of a region, a type or a machine."""
    return text if text is not None and _NAME.fullmatch(text) else None
