"""The git commit that is checked out in a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """The commit of the checkout that `folder` lies in, and whether files that git knows differ from it.

    Each is None where git does not say.
    """
    commit = _ask(folder, "rev-parse", "HEAD")
    if not commit:
        return None, None
    status = _ask(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if status is None else bool(status)


def _ask(folder: Path, *words: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode("utf-8", "replace").strip()
