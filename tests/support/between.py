"""What stands between two marks in a document, held to what is generated; UPDATE_EXPECTED=1 writes it anew."""

import os
from pathlib import Path


def assert_between(document: Path, begin: str, end: str, generated: str) -> None:
    """Assert that `document` holds `generated` from the line `begin` to the next line `end`."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    wanted = f"{before}{begin}{generated}{end}{after}"
    if os.environ.get("UPDATE_EXPECTED"):
        document.write_text(wanted, encoding="utf-8")
    assert document.read_text(encoding="utf-8") == wanted
