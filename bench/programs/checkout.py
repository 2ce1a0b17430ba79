"""The git commit that is checked out in a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# With these, which git sets for its hooks, it would answer for another place than the folder it is asked about.
_OF_ANOTHER_PLACE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """The commit of the checkout that `folder` lies in, and whether files that git knows differ from it.

    Each is None where git does not say. Of a checkout that belongs to another user, as one that a container has mounted
    may, the commit alone is known: to compare files git may run programs that the checkout's settings name.
    """
    commit = _ask(folder, "-c", "safe.directory=*", "rev-parse", "HEAD")  # which runs none
    if not commit:
        return None, None
    status = _ask(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if status is None else bool(status)


def _ask(folder: Path, *words: str) -> str | None:
    environ = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_PLACE}
    environ["GIT_OPTIONAL_LOCKS"] = "0"  # a git of the user's may be at work there
    command = ["git", "-C", str(folder), *words]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=10, check=True, env=environ)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode("utf-8", "replace").strip()
