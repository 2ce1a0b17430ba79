"""A page for the browser: where it lies, and showing it."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from pathlib import Path

from bench.errors import BenchError


def temporary_page() -> Path:
    """A new file for a page that was given no name. It stays, as the browser may read it again."""
    handle, path = tempfile.mkstemp(prefix="bench-report-", suffix=".html")
    os.close(handle)
    return Path(path)


def show(page: Path) -> None:
    """Show `page` in the user's browser. Raises BenchError where there is none."""
    if not webbrowser.open(page.resolve().as_uri()):
        raise BenchError(f"{page}: no browser was found here that shows it; open it by hand, or name one in BROWSER")
