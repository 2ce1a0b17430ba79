"""The commit of a folder: asked of git about that folder alone, unknown where git does not say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.programs.checkout import commit_of


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path, content: str) -> str:
    """The commit of a new checkout with one file."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "train.py").write_text(content)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Path, str]:
    return tmp_path / "ours", committed(tmp_path / "ours", "print(1)")


@pytest.mark.parametrize("names", [("GIT_DIR",), ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"), ("GIT_INDEX_FILE",)])
def test_variables_of_a_hook_of_another_checkout_do_not_mislead(
    names: tuple[str, ...], ours: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, commit = ours
    committed(tmp_path / "theirs", "print(2)")
    there = {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": ".git/index"}
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / "theirs" / there[name]))
    assert commit_of(folder) == (commit, False)
    (folder / "train.py").write_text("print(3)")
    assert commit_of(folder) == (commit, True)


def test_in_a_folder_below_in_a_shallow_clone_and_in_a_bare_one(ours: tuple[Path, str], tmp_path: Path) -> None:
    folder, commit = ours
    (folder / "below").mkdir()
    assert commit_of(folder / "below") == (commit, False)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{folder}", "shallow")
    assert commit_of(tmp_path / "shallow") == (commit, False)
    git(tmp_path, "clone", "-q", "--bare", str(folder), "bare")
    assert commit_of(tmp_path / "bare") == (commit, None)  # without files nothing differs, and nothing is alike


def test_where_git_does_not_say_it_is_unknown(
    ours: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commit_of(tmp_path / "nowhere") == (None, None)
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "-q")
    assert commit_of(tmp_path / "unborn") == (None, None)
    monkeypatch.setenv("PATH", os.devnull)
    assert commit_of(ours[0]) == (None, None)


def test_of_another_user_s_checkout_the_commit_is_known_and_none_of_its_programs_is_run(
    ours: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, commit = ours
    (tmp_path / "theirs").write_text(f"#!/bin/sh\necho run >>{tmp_path / 'was-run'}\ncat\n")
    (tmp_path / "theirs").chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(tmp_path / "theirs"))
    git(folder, "config", "filter.theirs.clean", str(tmp_path / "theirs"))
    (folder / ".git" / "info" / "attributes").write_text("* filter=theirs\n")
    (folder / "train.py").write_text("print(3)")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert commit_of(folder) == (commit, None)
    assert not (tmp_path / "was-run").exists()
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    assert commit_of(folder) == (commit, True)
    assert (tmp_path / "was-run").exists()
