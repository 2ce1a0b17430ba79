"""Files for other systems: portable names, and nothing overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import StoreError

_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")


def tag(text: str) -> str:
    """`text` as a part of a file's name."""
    return _UNFIT.sub("-", text).strip("-.") or "entry"


def create(path: Path, text: str) -> Path:
    """Write `text` to `path`. Raises StoreError where the file holds something else already, OSError."""
    data = text.encode()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        if path.read_bytes() != data:
            raise StoreError(f"{path}: is there already and differs; move it away or name another folder") from error
    return path


@contextmanager
def below(folder: Path) -> Iterator[None]:
    """Around what is written below `folder`: raises StoreError, naming the file, where one cannot be."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); name another folder with -o"
        ) from error
