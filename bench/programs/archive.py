"""Packs `bench.programs` into one file for any Python from 3.9 on: `python3 bench-exec.pyz -- COMMAND`."""

from __future__ import annotations

import zipfile
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ALONE = ("bench/__init__.py", "bench/sealed.py")
# Any Python 3 reads it; the rest fails in an older one before it can say so.
_MAIN = """import sys

if sys.version_info < (3, 9):
    sys.stderr.write("bench: Python %d.%d is too old; start it with 3.9 or newer\\n" % sys.version_info[:2])
    sys.exit(2)

from bench.programs.__main__ import main

sys.exit(main())
"""
# The same sources make the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def build(path: Path) -> Path:
    """Write the archive to `path`, over what is there, and return it."""
    sources = sorted(
        [*(_ROOT / name for name in _ALONE), *(_ROOT / "bench" / "programs").rglob("*.py")],
        key=lambda source: source.as_posix(),
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sources:
            _add(archive, source.relative_to(_ROOT).as_posix(), source.read_text(encoding="utf-8"))
        _add(archive, "__main__.py", _MAIN)
    return path


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)
