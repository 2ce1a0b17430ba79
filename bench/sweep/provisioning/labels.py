"""The labels of a sweep's machines: of which sweep they are, and where its records go."""

from __future__ import annotations

import binascii
from base64 import b32decode, b32encode
from collections.abc import Mapping
from itertools import count

from bench.sweep.provisioning.provisioner import Instance
from bench.sweep.spec import SWEEP_TAG

_STORE = "bench-store-"
_LONGEST = 56  # Google takes 63 characters, small letters, digits, - and _; base32 comes in groups of 8


def sweep_labels(sweep: str, store: str) -> dict[str, str]:
    """The labels for the machines of `sweep`, whose records go to the store at the locator `store`."""
    text = b32encode(store.encode()).decode().rstrip("=").lower()
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    return {SWEEP_TAG: sweep, **{f"{_STORE}{number}": part for number, part in enumerate(parts, 1)}}


def sweep_of(instance: Instance | None) -> str | None:
    """The sweep that rented the machine; None: its labels do not say."""
    return instance.labels.get(SWEEP_TAG) if instance else None


def store_of(instance: Instance | None) -> str | None:
    """The locator of the store that the machine's records go to; None: its labels do not say."""
    text = _joined(instance.labels if instance else {}).upper()
    try:
        return b32decode(text + "=" * (-len(text) % 8)).decode() or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _joined(labels: Mapping[str, str]) -> str:
    text = ""
    for number in count(1):
        part = labels.get(f"{_STORE}{number}")
        if part is None:
            break
        text += part
    return text
