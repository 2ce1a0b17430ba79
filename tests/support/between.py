"""What stands between two marks in a document, held to what is generated; UPDATE_EXPECTED=1 writes it anew."""

import os
from pathlib import Path


def assert_between(document: Path, begin: str, end: str, generated: str) -> None:
    """Assert that `document` holds `generated` from the line `begin` to the next line `end`."""
    text = document.read_text(encoding="utf-8")
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    assert begun, f"{document} has no line {begin!r}"
    assert ended, f"{document} has no line {end!r} after it"
    wanted = f"{before}{begin}{generated}{end}{after}"
    if os.environ.get("UPDATE_EXPECTED"):
        document.write_text(wanted, encoding="utf-8")
    assert document.read_text(encoding="utf-8") == wanted
